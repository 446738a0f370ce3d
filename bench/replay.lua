-- Replays one message, byte for byte, from a file; at the end prints what wrk counted as one line of JSON.
-- wrk -s replay.lua URL -- FILE

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local message = file:read("*a")
  file:close()
  if not message:find("########", 1, true) then
    wrk.format = function() return message end -- asked once: no Lua runs for a request
    return
  end
  -- A message with this mark is never the same twice in a row on one connection.
  local messages, next = {}, 0
  for n = 1, 256 do messages[n] = message:gsub("########", string.format("%08d", n)) end
  wrk.format = function()
    next = next % 256 + 1
    return messages[next]
  end
end

function done(summary, latency, requests)
  io.write(string.format(
    '{"requests":%d,"bytes":%d,"seconds":%.6f,"p50_us":%.0f,"p99_us":%.0f,"max_us":%.0f,' ..
    '"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}\n',
    summary.requests, summary.bytes, summary.duration / 1e6,
    latency:percentile(50), latency:percentile(99), latency.max,
    summary.errors.connect, summary.errors.read, summary.errors.write, summary.errors.timeout, summary.errors.status))
end
