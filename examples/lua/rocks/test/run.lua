-- Runs every file of tests and reports as TAP, on the terminal and in results.tap.

local files = { "calendar", "closures", "integers", "strings", "tables" }
local out = assert(io.open("results.tap", "w"))
local count, failed = 0, 0

local function say(line)
  print(line)
  out:write(line, "\n")
end

local function is(file, name, got, want)
  count = count + 1
  if got == want then
    say(("ok %d - %s: %s"):format(count, file, name))
    return
  end
  failed = failed + 1
  say(("not ok %d - %s: %s"):format(count, file, name))
  say("  ---")
  say(("  message: got %s, want %s"):format(got, want))
  say("  ...")
end

package.path = "./?.lua;" .. package.path
for _, file in ipairs(files) do
  dofile("test/" .. file .. ".lua")(function(name, got, want)
    is(file, name, got, want)
  end)
end
say("1.." .. count)
out:close()
os.exit(failed == 0)
