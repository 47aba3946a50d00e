# The image of all functions: an environment variable selects which one it serves. `image.py` builds it. Its name
# derives from the content of functions/, so only changed content creates new revisions.

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
