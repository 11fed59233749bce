#!/bin/sh
cf unbind-running-security-group partner
