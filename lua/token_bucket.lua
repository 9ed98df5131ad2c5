-- The well-known token bucket, for programs that call it already; relay's own limits are take.lua.
--
-- KEYS  1: the bucket.
-- ARGV  1: capacity, in tokens, above 0. 2: rate, tokens a second, above 0. 3: now, in seconds: kept for the contract's sake and ignored,
--       the server's clock counts. 4: tokens requested, from 0; fractions may be asked for.
--       5: optional, `caller-clock`: argument 3 is the clock, for tests and for callers that share one clock. Callers whose clocks differ
--       then get more than the bucket holds.
-- Returns 1: allowed and taken; 0: refused, nothing taken. More than the capacity is always refused.
-- Errors  ERR relay: … for arguments that cannot be meant; nothing has changed then.
--
-- What is kept is one number, when the bucket is full again (microseconds since 2026), so nothing drifts: ten refills of a tenth are one.
-- The key expires when the bucket is full, which is the same as not being there. A bucket of the older script (a hash of tokens and time)
-- counts as full once and is written anew. A time further ahead than a bucket takes to fill (the clock went back, or the capacity was cut)
-- counts as an empty bucket: nobody is locked out for longer than that.

local function number(text)
  local n = tonumber(text)
  if n and n >= 0 and n <= 9007199254740991 then return n end
end

local capacity, rate, requested = number(ARGV[1]), number(ARGV[2]), number(ARGV[4])
if #KEYS ~= 1 or #ARGV < 4 or #ARGV > 5 then return redis.error_reply('ERR relay: one key; capacity, rate, now, requested') end
if not (capacity and rate and requested) or capacity == 0 or rate == 0 then
  return redis.error_reply('ERR relay: capacity and rate are above 0, requested is not below, all of them at most 2^53-1')
end
if ARGV[5] and ARGV[5] ~= 'caller-clock' then return redis.error_reply('ERR relay: the fifth argument is caller-clock') end
local step = 1000000 / rate
local window = capacity * step
if window > 3e15 then return redis.error_reply('ERR relay: a bucket fills within 95 years') end

local now
if ARGV[5] then
  now = number(ARGV[3])
  if not now or now > 1e11 then return redis.error_reply('ERR relay: now is in seconds') end
  now = (now - 1767225600) * 1000000
else
  local time = redis.call('TIME')
  now = (time[1] - 1767225600) * 1000000 + time[2]
end

local kept = redis.pcall('GET', KEYS[1])
local full = type(kept) == 'string' and tonumber(kept) or now
local function keep(value) redis.call('SET', KEYS[1], string.format('%.17g', value), 'PX', math.ceil((value - now) / 1000) + 1) end
if full > now + window + 1 then
  -- Written down also when the request is refused: what is looked at anew each time would never come nearer.
  full = now + window
  keep(full)
end
full = math.max(full, now)
-- What arithmetic in doubles may lose, half a microsecond at most.
local near = math.min(0.5, step / 2)
local after = full + requested * step
if after - now > window + near then return 0 end
if requested > 0 then keep(after) end
return 1
