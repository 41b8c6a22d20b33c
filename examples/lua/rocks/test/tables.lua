return function(is)
  local t = { 3, 1, 2 }
  table.sort(t, function(x, y) return x > y end)
  is("sort takes an order", table.concat(t, " "), "3 2 1")
  is("unpack spreads", select("#", table.unpack(t)), 3)
  is("a missing key asks the metatable", setmetatable({}, { __index = function(_, k) return k .. "!" end }).hey, "hey!")
end
