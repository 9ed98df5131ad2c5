-- What one process holds of a bucket, on behalf of many calls: makes it larger or smaller, and tells what was used of it. One script does
-- this for up to 16 buckets, one after the other: they do not depend on each other.
--
-- KEYS  For each bucket three. 1: the lease's record. Then the bucket's keys as for take.lua: for a rate its string, for a concurrency or
--       a budget its hash; and a sorted set of what is held (`amount:id`, scored by when it lapses): the set of take.lua, or one for a
--       rate's leases.
-- ARGV  For each bucket fourteen. 1: `redis` or `caller-clock:<microseconds since 1970>` (tests alone). 2: the process's id.
--       3: the number of this operation on the bucket: the next one is larger, the same one again has the same effect once.
--       4: ms after which the lease lapses, 1 to a day. 5: ms that the operation is remembered, 1 to a day.
--       6: kind; 7 to 9: burst, count, period (rate), most, 0, 0 (concurrency), amount, first ms, first ms after (budget).
--       10 want, 11 least, 12 keep, 13 used, 14 back, whole amounts:
--         rate: takes `want`, or what there is of it, but nothing below `least`; `keep`: the most that the process holds afterwards,
--         unspent, if all of `want` is granted (else so much less); `used`: what it spent and did not have; `back`: what it gives back.
--         concurrency, budget: what the process holds becomes `want`, or what there is of it, where that is `least` or more; else, and
--         never less than, `keep`. `used`: money spent since the last operation. `back`: what open calls hold of it.
-- Returns integers, for each bucket seven: status, granted, remaining, ms until the bucket is full (a budget: until its period ends), ms
--       until the least may be there (0: it is; -1: never), why it was not there (as take.lua), ms of the clock.
--       status  1 done; 2 done before (a rate: what was granted then, or 0 once that has lapsed); 0 refused, all but the grant is done;
--               -1 a later operation came first: nothing changed; -2 the clock is outside of the budget's period: nothing changed.
--       granted what was taken now (rate), what the process holds in all (concurrency, budget).
-- Errors  ERR relay: … for arguments that cannot be meant; nothing has changed then, of any bucket.
--
-- A bucket with leases never refills beyond its burst less what processes may hold of it: what is in the bucket and what is with them
-- is never more than the burst together.
-- Stands behind common.lua.

local buckets = #KEYS / 3
if buckets < 1 or buckets > 16 or buckets % 1 ~= 0 or #ARGV ~= buckets * 14 then
  return bad('lease wants three keys and fourteen arguments a bucket, for 16 buckets at most')
end

-- Checks the arguments of one bucket; what it returns does the operation.
local function prepared(KEYS, ARGV)
  local now, id, seq = clock(ARGV[1]), ARGV[2], whole(ARGV[3], 1)
  local lease, remembered = whole(ARGV[4], 1, 86400000), whole(ARGV[5], 1, 86400000)
  local kind, want, least, keep = ARGV[6], whole(ARGV[10], 0), whole(ARGV[11], 0), whole(ARGV[12], 0)
  local spentNow, back = whole(ARGV[13], 0), whole(ARGV[14], 0)
  if not now then return nil, bad('the clock is redis or caller-clock:<microseconds>') end
  if id == '' or not seq then return nil, bad('a lease has the id of its process and a number from 1') end
  if not (lease and remembered) then return nil, bad('a lease lapses, and is remembered for, 1 to 86400000 ms') end
  if not (want and least and keep and spentNow and back) or least > want then
    return nil, bad('amounts are whole, 0 to 2^53-1, the least no larger than what is wanted')
  end
  local ms = math.floor(now / 1000) + epoch * 1000

  local burst, count, period, limit, from, to
  if kind == 'rate' then
    burst, count, period = number(ARGV[7], 1, most), number(ARGV[8], 1e-9, most), number(ARGV[9], 1, 1e15)
    if not (burst and count and period) then return nil, bad('a rate has burst, count and period above 0') end
    if burst * period / count > 3e15 then return nil, bad('a rate fills within 95 years') end
  elseif kind == 'concurrency' or kind == 'budget' then
    limit, from, to = whole(ARGV[7], 0), whole(ARGV[8], 0), whole(ARGV[9], 0)
    if not (limit and from and to) then return nil, bad('a ' .. kind .. ' has whole numbers from 0') end
    if kind == 'budget' and from >= to then return nil, bad('a budget has a period that ends after it begins') end
  else
    return nil, bad('a bucket is a rate, a concurrency or a budget, not ' .. kind)
  end

  return function()
    local before, was, lapsed = redis.call('GET', KEYS[1]), 0, 0
    if before then
      local number, granted, lapse = string.match(before, '^(%d+),(%d+),([%d.e+-]+)$')
      if tonumber(number) > seq then return { -1, 0, 0, 0, 0, 0, ms } end
      if tonumber(number) == seq then was, lapsed = tonumber(granted), tonumber(lapse) end
    end
    local isAgain = lapsed > 0
    -- A budget whose period is over can still be told what was spent of it.
    if kind == 'budget' and not isAgain and (ms < from or (ms >= to and want + keep > 0)) then return { -2, 0, 0, 0, 0, 0, ms } end

    local function lives(key, ttl)
      if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
    end

    -- What this process and all others hold; what has lapsed goes first.
    redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('%.17g', now))
    local mine, others = 0, 0
    for _, member in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
      local amount, holder = string.match(member, '^(%d+):(.*)$')
      if holder == id then
        mine = mine + tonumber(amount)
        redis.call('ZREM', KEYS[3], member)
      else
        others = others + tonumber(amount)
      end
    end

    local function hold(amount)
      if amount == 0 then return end
      redis.call('ZADD', KEYS[3], string.format('%.17g', now + lease * 1000), string.format('%.0f:%s', amount, id))
      lives(KEYS[3], lease + margin)
    end

    local function remember(granted)
      redis.call('SET', KEYS[1], string.format('%.0f,%.0f,%.17g', seq, granted, now + lease * 1000), 'PX', remembered)
    end

    local function rate()
      local step = period / count
      local window, near = burst * step, math.min(0.5, step / 2)
      local full = tonumber(redis.call('GET', KEYS[2]) or now)
      if full < now then full = now elseif full > now + 2 * window + 1 then full = now + window end
      -- What processes hold is not in the bucket, however long ago it was taken.
      local function heldBack(amount) full = math.max(full, now + math.min(amount, burst) * step) end
      heldBack(others + mine)
      local granted, status, wait = was, 2, 0
      if isAgain then
        if lapsed <= now then granted = 0 end
        hold(mine)
      else
        granted, status = 0, 1
        full = math.min(math.max(now, full - back * step) + spentNow * step, now + 2 * window)
        local free = math.max(0, math.floor((now + window + near - full) / step))
        if free < least then
          status, wait = 0, math.max(1, math.ceil((full + least * step - now - window) / 1000))
          if least > burst then wait = -1 end
        else
          granted = math.min(want, free)
          full = full + granted * step
        end
        local most = math.max(0, keep - want + granted)
        hold(most)
        heldBack(others + most)
        remember(granted)
      end
      if full - now < near then
        redis.call('DEL', KEYS[2])
      else
        redis.call('SET', KEYS[2], string.format('%.17g', full), 'PX', math.ceil((full - now) / 1000) + 1)
      end
      local free = math.max(0, math.floor((now + window + near - full) / step))
      return { status, granted, free, math.ceil((full - now) / 1000), wait, status == 0 and 1 or 0, ms }
    end

    local function held()
      local isBudget = kind == 'budget'
      local spent = isBudget and tonumber(redis.call('HGET', KEYS[2], 'spent') or 0) or 0
      if not isAgain and isBudget then spent = spent + spentNow end
      local free = limit - spent - others
      local granted, status, wait, why = math.max(keep, math.min(want, free)), isAgain and 2 or 1, 0, 0
      if granted < least then
        granted, status, wait, why = keep, 0, 1000, isBudget and 3 or 2
        -- Without what open calls hold, here and elsewhere, the money may be there.
        if isBudget and spent + least - math.min(back, least) > limit then wait, why = math.max(1, to - ms), 4 end
        if least > limit and keep == 0 then wait = -1 end
      end
      hold(granted)
      redis.call('HSET', KEYS[2], 'held', string.format('%.0f', others + granted))
      if isBudget and spentNow > 0 and not isAgain then redis.call('HSET', KEYS[2], 'spent', string.format('%.0f', spent)) end
      lives(KEYS[2], math.max(lease + margin, isBudget and to - ms + 3600000 or 0))
      remember(granted)
      return { status, granted, math.max(0, free - granted), isBudget and math.max(0, to - ms) or 0, wait, why, ms }
    end

    if kind == 'rate' then return rate() end
    return held()
  end
end

local function part(list, bucket, size)
  local own = {}
  for at = 1, size do own[at] = list[(bucket - 1) * size + at] end
  return own
end

local operations, answers = {}, {}
for bucket = 1, buckets do
  local operation, wrong = prepared(part(KEYS, bucket, 3), part(ARGV, bucket, 14))
  if not operation then return wrong end
  operations[bucket] = operation
end
for _, operation in ipairs(operations) do
  for _, integer in ipairs(operation()) do answers[#answers + 1] = integer end
end
return answers
