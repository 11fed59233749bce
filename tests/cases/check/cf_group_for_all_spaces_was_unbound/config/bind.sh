#!/bin/sh
cf create-security-group partner asgs/partner.json
cf bind-running-security-group partner
cf create-security-group own own.json
cf bind-security-group own bonds --space prod
cf unbind-running-security-group partner
