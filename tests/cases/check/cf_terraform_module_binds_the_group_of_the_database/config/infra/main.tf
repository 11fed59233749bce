locals {
  org  = "hud-grants"
  team = "grants"
}

module "app_space" {
  source = "github.com/GSA-TTS/terraform-cloudgov//cg_space?ref=v2.3.0"

  cf_org_name          = local.org
  cf_space_name        = "${local.team}-${var.environment}"
  managers             = ["ana@hud.example"]
  security_group_names = ["trusted_local_networks_egress"]
}

module "egress_space" {
  source = "github.com/GSA-TTS/terraform-cloudgov//cg_space?ref=v2.3.0"

  cf_org_name          = local.org
  cf_space_name        = "${local.team}-${var.environment}-egress"
  security_group_names = ["public_networks_egress"]
}
