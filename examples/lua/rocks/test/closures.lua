return function(is)
  local function counter()
    local n = 0
    return function() n = n + 1; return n end
  end
  local a, b = counter(), counter()
  a()
  is("a closure keeps its variable", a(), 2)
  is("closures do not share it", b(), 1)
  local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i * i) end end)
  is("a coroutine goes on where it was", co() + co() + co(), 14)
end
