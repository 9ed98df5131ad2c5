-- Counts the nodes of one relay that are alive.
--
-- KEYS  1: a sorted set: node ids, scored by when each was last seen (ms of the server's clock).
-- ARGV  1: the node's id. 2: ms after which a silent node is gone, 1 to a day. 3: `beat` (I am here) or `leave` (I am going).
-- Returns how many nodes are there now, an integer. The key expires once all are silent.
-- Errors  ERR relay: … for arguments that cannot be meant; nothing has changed then.

local id, seen, mode = ARGV[1], tonumber(ARGV[2]), ARGV[3]
if #KEYS ~= 1 or #ARGV ~= 3 or id == '' then return redis.error_reply('ERR relay: a node beats with its id, a time and beat or leave') end
if not seen or not (seen >= 1 and seen <= 86400000) or seen % 1 ~= 0 then
  return redis.error_reply('ERR relay: a silent node is gone after 1 to 86400000 ms')
end
if mode ~= 'beat' and mode ~= 'leave' then return redis.error_reply('ERR relay: a node beats or leaves, not ' .. mode) end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- A time ahead of the clock is of a clock that went back: its node says where it is with its next beat.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - seen))
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', now + seen), '+inf')
if mode == 'beat' then
  redis.call('ZADD', KEYS[1], string.format('%.0f', now), id)
  redis.call('PEXPIRE', KEYS[1], seen)
else
  redis.call('ZREM', KEYS[1], id)
end
return redis.call('ZCARD', KEYS[1])
