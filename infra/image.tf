# The image of the functions: one for all of them, since which function it serves is an environment
# variable. `release.py build` has it built; it is named by the content of functions/, so that another
# content makes new revisions and the same none.

locals {
  code_folder = "${path.module}/../functions"
  code = sort([
    for name in fileset(local.code_folder, "**") : name if !can(regex("(^|/)__pycache__/|\\.pyc$", name))
  ])
  code_hash = substr(sha256(join("\n", concat(
    [local.runtime],
    [for name in local.code : "${name} ${filesha256("${local.code_folder}/${name}")}"],
  ))), 0, 16)

  image = coalesce(var.image, "${var.region}-docker.pkg.dev/${var.project}/quickthumb/functions:${local.code_hash}")
}
