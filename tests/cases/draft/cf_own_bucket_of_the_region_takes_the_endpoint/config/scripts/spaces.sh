#!/usr/bin/env bash
# Sets up the spaces of irs-forms. Run by hand, by an OrgManager.
set -euo pipefail

ORG="irs-forms"
TRUSTED=trusted_local_networks_egress

cf target -o "$ORG"
for space in dev test prod; do
  cf create-space "$space" -o "$ORG"
  cf bind-security-group "$TRUSTED" "$ORG" --space "$space"
done

cf bind-security-group public_networks_egress "$ORG" --space dev

if [[ "${WITH_FEEDS:-no}" == yes ]]; then
  cf bind-security-group public_networks_egress "$ORG" --space test
fi

cat <<USAGE
To open production ask for:
cf bind-security-group public_networks_egress irs-forms --space prod
USAGE

cf add-network-policy forms renderer --protocol tcp --port 8080
