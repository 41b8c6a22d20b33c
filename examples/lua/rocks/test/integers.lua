return function(is)
  local a, b = -7, 2
  is("7 // 2 rounds down", 7 // b, 3)
  is("-7 // 2 rounds down", a // b, -4)
  is("quotient and remainder make the whole", a // b * b + a % b, a)
  is("-7 % 2 has the sign of 2", a % b, 1)
  is("integers wrap around", math.maxinteger + 1, math.mininteger)
end
