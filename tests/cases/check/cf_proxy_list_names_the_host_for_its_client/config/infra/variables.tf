variable "environment" {
  type        = string
  description = "staging or prod; each has a file below env/"
}
