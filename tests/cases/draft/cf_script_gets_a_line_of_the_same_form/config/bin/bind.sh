#!/bin/sh
cf bind-security-group public_networks_egress nps-trails --space web
cf bind-security-group trusted_local_networks_egress nps-trails --space batch
