local calendar = require "calendar"

return function(is)
  is("a day has 86400 seconds", calendar.day(86400), 1)
  is("the second before 1970 is of the day before", calendar.day(-1), -1)
  is("the second before 1970 is the last of its day", calendar.time(-1), "23:59:59")
  is("2000-01-01 was a Saturday", calendar.weekday(10957), "Sat")
end
