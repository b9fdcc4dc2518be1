-- One request to Headcount's check listener over a kept-alive, non-blocking connection: JSON there, lines back.

local M = {}

local LONGEST_BODY = 1048576
local TYPES = "Content-Type: application/json\r\nAccept: text/x-headcount-lines\r\n"

local function head_of(socket)
  local line, err = socket:receive "*l"
  if not line then return nil, err end
  local status, length = tonumber(line:match "^HTTP/1%.1 (%d%d%d)"), nil
  local keep = true
  repeat
    line, err = socket:receive "*l"
    if not line then return nil, "cut: " .. tostring(err) end
    local name, value = line:match "^([^:]+):%s*(.-)%s*$"
    if name and name:lower() == "content-length" then length = tonumber(value) end
    if name and name:lower() == "connection" and value:lower() == "close" then keep = false end
  until line == ""
  if not status or not length or length > LONGEST_BODY then return nil, "not an answer of Headcount's" end
  return { status = status, length = length, keep = keep }
end

local function exchange(socket, message)
  local sent, err = socket:send(message)
  if not sent then return nil, err end
  local head
  head, err = head_of(socket)
  if not head then return nil, err end
  local body = ""
  if head.length > 0 then
    body, err = socket:receive(head.length)
    if not body then return nil, "cut: " .. tostring(err) end
  end
  return head, body
end

local function connected(options)
  local socket = ngx.socket.tcp()
  socket:settimeouts(options.timeout, options.timeout, options.timeout)
  local ok, err
  if options.path then
    ok, err = socket:connect("unix:" .. options.path, options.pool)
  else
    ok, err = socket:connect(options.host, options.port, options.pool)
  end
  if not ok then return nil, err end
  return socket, socket:getreusedtimes() or 0
end

-- Returns status and body, or nil and what went wrong. A kept connection that Headcount closed meanwhile is
-- replaced, once and only if it closed before the first byte of an answer.
function M.post(options, path, body)
  local message = ("POST %s HTTP/1.1\r\nHost: headcount\r\n%s%sContent-Length: %d\r\n\r\n%s")
    :format(path, TYPES, options.lines, #body, body)
  for _ = 1, options.pool.pool_size + 1 do
    local socket, reused = connected(options)
    if not socket then return nil, reused end
    local head, answer = exchange(socket, message)
    if head then
      if head.keep then socket:setkeepalive(options.idle, options.pool.pool_size) else socket:close() end
      return head.status, answer
    end
    socket:close()
    if reused == 0 or answer ~= "closed" then return nil, answer end
  end
  return nil, "closed"
end

return M
