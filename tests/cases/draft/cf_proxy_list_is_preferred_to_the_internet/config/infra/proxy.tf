# Who may go out, and where to. One list for each app.
module "proxy" {
  source          = "github.com/GSA-TTS/cg-egress-proxy?ref=v1.1.0"
  name            = "grants-proxy"
  cf_org_name     = local.org
  cf_egress_space = module.egress_space.space

  client_configuration = {
    "intake" = {
      ports = [443]
      allowlist = [
        "api.sam.gov",          # who is a registered entity
        "*.login.gov",
      ]
      denylist = ["partners.login.gov"]
    }
    "reports" = {
      allowlist = ["api.usaspending.gov"]
    }
  }
}

data "cloudfoundry_app" "intake" {
  name       = "intake"
  space_name = module.app_space.space_name
  org_name   = local.org
}

resource "cloudfoundry_network_policy" "intake_to_proxy" {
  policies = [
    {
      source_app      = data.cloudfoundry_app.intake.id
      destination_app = module.proxy.app_id
      port            = "61443"
      protocol        = "tcp"
    },
  ]
}
