-- Bytes of headers as text that JSON can hold, and digests of long text. Pure.

local ffi = require "ffi"

local M = {}

ffi.cdef "unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);"

-- nginx brings libcrypto along; a bare interpreter has to load it
local function crypto()
  local there = pcall(function() return ffi.C.SHA256 end)
  return there and ffi.C or ffi.load "crypto"
end

function M.sha256(text)
  local digest = ffi.new "unsigned char[32]"
  crypto().SHA256(text, #text, digest)
  local hex = {}
  for i = 0, 31 do hex[#hex + 1] = string.format("%02x", digest[i]) end
  return "sha256:" .. table.concat(hex)
end

-- Without the blanks of HTTP, space and tab, at its ends.
function M.stripped(text) return text:match "^[ \t]*(.-)[ \t]*$" end

-- One UTF-8 sequence at i: its length, or nil. Overlong forms and surrogates are no UTF-8 (RFC 3629).
local function sequence(text, i)
  local a, b = text:byte(i, i + 1)
  if a < 0x80 then return 1 end
  local length = (a >= 0xC2 and a <= 0xDF and 2) or (a >= 0xE0 and a <= 0xEF and 3) or (a >= 0xF0 and a <= 0xF4 and 4)
  if not length or not b then return nil end
  if (a == 0xE0 and b < 0xA0) or (a == 0xED and b > 0x9F) or (a == 0xF0 and b < 0x90) or (a == 0xF4 and b > 0x8F) then
    return nil
  end
  for j = i + 1, i + length - 1 do
    local byte = text:byte(j)
    if not byte or byte < 0x80 or byte > 0xBF then return nil end
  end
  return length
end

-- The longest beginning of UTF-8 text that has at most so many characters.
function M.first_characters(text, most)
  local i, count = 1, 0
  while i <= #text and count < most do
    i, count = i + sequence(text, i), count + 1
  end
  return text:sub(1, i - 1), count
end

-- Latin-1 turned into UTF-8.
function M.latin1(value)
  return (value:gsub("[\128-\255]", function(c)
    local byte = c:byte()
    return string.char(0xC0 + math.floor(byte / 64), 0x80 + byte % 64)
  end))
end

-- UTF-8 as it is, as in the JSON that keys were pushed with; else Latin-1 turned into UTF-8.
function M.text(value)
  if not value:find "[\128-\255]" then return value end
  local i = 1
  while i <= #value do
    local length = sequence(value, i)
    if not length then return M.latin1(value) end
    i = i + length
  end
  return value
end

function M.shortened(value, most)
  if #value <= most then return value end
  return (M.first_characters(value, most))
end

return M
