-- What the scripts of calls and leases have in common. It is put before take.lua, settle.lua, renew.lua and lease.lua as they are read
-- (src/relay/lua-source.ts), as a script in Redis can call no other.
--
-- Amounts are whole, to 2^53-1, what a double holds exactly; times are microseconds since 2026 for the same reason. `margin`: ms that keys
-- are kept beyond their time.

local epoch, most, margin = 1767225600, 9007199254740991, 1000

local function number(text, least, largest)
  local n = tonumber(text)
  if n and n >= least and n <= largest then return n end
end

local function whole(text, least, largest)
  local n = number(text, least, largest or most)
  if n and n % 1 == 0 then return n end
end

local function clock(text)
  if text == 'redis' then
    local time = redis.call('TIME')
    return (time[1] - epoch) * 1000000 + time[2]
  end
  local us = tonumber(string.match(text or '', '^caller%-clock:(%-?%d+)$'))
  return us and us - epoch * 1000000
end

local function bad(what) return redis.error_reply('ERR relay: ' .. what) end
