-- Replays one message, byte for byte, from a file; at the end prints what wrk counted as one line of JSON.
-- wrk -s replay.lua URL -- FILE

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local message = file:read("*a")
  file:close()
  wrk.format = function() return message end -- asked once: no Lua runs for a request
end

function done(summary, latency, requests)
  io.write(string.format(
    '{"requests":%d,"bytes":%d,"seconds":%.6f,"p50_us":%.0f,"p99_us":%.0f,"max_us":%.0f,' ..
    '"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}\n',
    summary.requests, summary.bytes, summary.duration / 1e6,
    latency:percentile(50), latency:percentile(99), latency.max,
    summary.errors.connect, summary.errors.read, summary.errors.write, summary.errors.timeout, summary.errors.status))
end
