-- Days and times of day, from seconds since the start of 1970 in UTC.

local calendar = {}

local names = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" }

-- The day's number: 0 is the first of January 1970.
function calendar.day(seconds)
  return seconds // 86400
end

function calendar.time(seconds)
  local s = seconds % 86400
  return ("%02d:%02d:%02d"):format(s // 3600, s // 60 % 60, s % 60)
end

function calendar.weekday(day)
  return names[day % 7 + 1]
end

return calendar
