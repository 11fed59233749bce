variable "space_name" { type = string }
variable "asgs" { type = list(string) }

data "cloudfoundry_org" "this" {
  name = "doe-forecasts"
}

resource "cloudfoundry_space" "this" {
  provider = cloudfoundry-community
  name     = var.space_name
  org      = data.cloudfoundry_org.this.id
}

data "cloudfoundry_asg" "wanted" {
  for_each = toset(var.asgs)
  name     = each.key
}

resource "cloudfoundry_space_asgs" "this" {
  provider     = cloudfoundry-community
  space        = cloudfoundry_space.this.id
  running_asgs = values(data.cloudfoundry_asg.wanted)[*].id
}
