-- wrk's script for puts: every request stores a new version of one of 200 secrets.
-- Arguments after `--`: the token's file.
local token, count = nil, 0

function init(args)
  local file = assert(io.open(args[1]))
  token = file:read("*l")
  file:close()
  wrk.headers["Authorization"] = "Bearer " .. token
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  count = count + 1
  local path = string.format("/api/v1/secrets/PUT_%03d", count % 200)
  local body = string.format('{"value":"bench-value-%012d-0123456789abcdef","environment":"puts"}', count)
  return wrk.format("PUT", path, nil, body)
end
