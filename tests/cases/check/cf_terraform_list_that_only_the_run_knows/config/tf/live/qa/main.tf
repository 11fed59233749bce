module "qa" {
  source     = "../../modules/environment"
  space_name = "qa"
  asgs       = ["trusted_local_networks", "trusted_local_networks_egress"]
}

module "qa_out" {
  source     = "../../modules/environment"
  space_name = "qa-out"
  asgs       = var.groups_of_out
}

variable "groups_of_out" {
  type = list(string) # set in the pipeline
}
