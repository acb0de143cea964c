-- Sends the requests of a file in turn: each line is method, path and body, with tabs between. They are made before
-- the run. Usage: wrk -s mix.lua URL -- FILE ["Header: value" ...]
local requests, at = {}, 0

function init(arguments)
  local headers = { ["Content-Type"] = "application/json" }
  for n = 2, #arguments do
    local name, value = arguments[n]:match("^([^:]+):%s*(.*)$")
    headers[name] = value
  end
  for line in io.lines(arguments[1]) do
    local method, path, body = line:match("^([^\t]*)\t([^\t]*)\t(.*)$")
    requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, _)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration, failed,
    summary.errors.status, latency:percentile(50), latency:percentile(99)))
end
