cf bind-security-group public_networks_egress gsa-ops --space prod
