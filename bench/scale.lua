-- wrk's script for one request again and again. Arguments after `--`: the token's file, method, path and, if there is one, body.
local token

function init(args)
  local file = assert(io.open(args[1]))
  token = file:read("*l")
  file:close()
  wrk.method, wrk.path, wrk.body = args[2], args[3], args[4]
  wrk.headers["Authorization"] = "Bearer " .. token
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Sec-Tresor-No-Browsers"] = "1"
end
