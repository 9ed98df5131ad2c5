-- Puts off when what open calls hold lapses: many calls in one script.
--
-- KEYS  for each call: its record, then two keys (hash, sorted set) for each concurrency and budget that it took from.
-- ARGV  1: `redis` or `caller-clock:<microseconds since 1970>` (tests alone). 2: ms from now that they lapse after, 1 to a day.
--       Then for each call: its id, how many buckets it holds of, and what it took from each of these.
-- Returns one integer a call: 1 renewed; 0 not, as it has ended or lapsed before: what it held is no longer its own.
-- Errors  ERR relay: … for arguments that cannot be meant; nothing has changed then.
-- Stands behind common.lua.

local now, lease = clock(ARGV[1]), whole(ARGV[2], 1, 86400000)
if not now then return bad('the clock is redis or caller-clock:<microseconds>') end
if not lease then return bad('a lease is 1 to 86400000 ms') end

local calls, key, i = {}, 1, 3
while i <= #ARGV do
  local call = { id = ARGV[i], record = KEYS[key], holds = {} }
  local count = whole(ARGV[i + 1], 0, 1000)
  if call.id == '' or not count then return bad('a call has an id and a count of buckets') end
  for j = 1, count do
    local amount = whole(ARGV[i + 1 + j], 0, most)
    if not amount then return bad('amounts are whole, 0 to 2^53-1') end
    call.holds[j] = { hash = KEYS[key + 2 * j - 1], holders = KEYS[key + 2 * j], member = string.format('%.0f:%s', amount, call.id) }
  end
  key, i = key + 1 + 2 * count, i + 2 + count
  calls[#calls + 1] = call
end
if key - 1 ~= #KEYS or #calls == 0 then return bad('a call has one key, and two for each bucket that it holds of') end

local lapses = string.format('%.17g', now + lease * 1000)
local function lives(name)
  if redis.call('PTTL', name) < lease + margin then redis.call('PEXPIRE', name, lease + margin) end
end

local out = {}
for place, call in ipairs(calls) do
  local record = redis.call('GET', call.record)
  out[place] = record and record ~= '-' and 1 or 0
  if out[place] == 1 then
    redis.call('PEXPIRE', call.record, lease + margin)
    for _, hold in ipairs(call.holds) do
      local until_ = tonumber(redis.call('ZSCORE', hold.holders, hold.member) or nil)
      if until_ and until_ > now then
        redis.call('ZADD', hold.holders, lapses, hold.member)
        lives(hold.holders)
        lives(hold.hash)
      end
    end
  end
end
return out
