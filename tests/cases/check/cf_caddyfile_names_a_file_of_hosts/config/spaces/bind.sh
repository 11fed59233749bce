cf bind-security-group trusted_local_networks_egress noaa-almanac --space prod
