package = "counter"
version = "1.0-1"
source = { url = "file:///src" }
description = { summary = "Counts", license = "Apache-2.0" }
dependencies = { "lua >= 5.1" }
build = {
   type = "builtin",
   modules = {
      counter = "src/counter.lua",
      ["counter.step"] = "src/step.c",
   },
}
