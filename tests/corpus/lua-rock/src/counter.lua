local step = require("counter.step")

local counter = { at = 0 }

function counter.next()
  counter.at = step.after(counter.at)
  return counter.at
end

return counter
