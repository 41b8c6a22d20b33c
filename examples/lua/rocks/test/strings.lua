return function(is)
  is("rep takes a separator", ("ab"):rep(3, "-"), "ab-ab-ab")
  is("format pads", ("%05.1f"):format(3.14159), "003.1")
  is("gsub takes captures", (("key=value"):gsub("(%w+)=(%w+)", "%2=%1")), "value=key")
end
