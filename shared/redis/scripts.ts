/**
 * The Lua scripts: what must happen as one step in Redis. KEYS[1] is the queue's base key; the others are derived from it
 * and share its hash tag. Ids enter a lane on the left and leave it on the right.
 *
 * Each script pops before it pushes: out of memory, Redis refuses a script's first write if that would add data.
 */

/**
 * The baton: while work waits, `handoff` holds the best id, so that one idle worker wakes the next. Never a suspect: whoever
 * pops it may run one already, and would have to drop it. Idle workers take one when their wait ends.
 */
const REFILL = `
local function refill(base)
  if redis.call('LLEN', base .. ':handoff') > 0 then return end
  for _, priority in ipairs(redis.call('ZREVRANGE', base .. ':lanes', 0, -1)) do
    local id = redis.call('RPOP', base .. ':lane:' .. priority)
    if id then
      redis.call('LPUSH', base .. ':handoff', id)
      redis.call('ZADD', base .. ':served', 'XX', tonumber(redis.call('GET', base .. ':takes') or '0'), priority)
      return
    end
    redis.call('ZREM', base .. ':lanes', priority)
    redis.call('ZREM', base .. ':served', priority)
  end
end
`;

/**
 * Adds ids to their lanes. Where nothing waits, one that comes alone is the best one, and goes to a worker without a detour.
 * ARGV: `back` or `front`, then for each lane: its priority (or `suspects`), how many ids, the ids. Returns how many offers there are.
 */
const PUSH = `${REFILL}
local base, command = KEYS[1], ARGV[1] == 'front' and 'RPUSH' or 'LPUSH'
local handoff = base .. ':handoff'
if #ARGV == 4 and ARGV[2] ~= 'suspects' and redis.call('EXISTS', handoff, base .. ':lanes') == 0 then
  redis.call('LPUSH', handoff, ARGV[4])
  return redis.call('LLEN', base .. ':offers')
end
local at = 2
while at <= #ARGV do
  local lane, last = ARGV[at], at + 1 + tonumber(ARGV[at + 1])
  local key = base .. ':suspects'
  if lane ~= 'suspects' then
    key = base .. ':lane:' .. lane
    redis.call('ZADD', base .. ':lanes', lane, lane)
    redis.call('ZADD', base .. ':served', 'NX', tonumber(redis.call('GET', base .. ':takes') or '0'), lane)
  end
  for first = at + 2, last, 1000 do
    redis.call(command, key, unpack(ARGV, first, math.min(first + 999, last)))
  end
  at = last + 1
end
refill(base)
return redis.call('LLEN', base .. ':offers')
`;

/**
 * Drops entries from the front of a list, ARGV, as long as it has them there, the next one first: what has left it since somebody looked must not
 * be searched for through all of it. Returns how many there were.
 */
const DROP_FRONT = `
for at, entry in ipairs(ARGV) do
  if redis.call('LINDEX', KEYS[1], -1) ~= entry then return at - 1 end
  redis.call('RPOP', KEYS[1])
end
return #ARGV
`;

/**
 * Ids leave a processing list in the order in which they came, so that trimming it is enough: one LREM for each id would be
 * as many commands to carry out and to write to the append-only file. False, and nothing is done, when the list is not as its
 * worker knows it: its oldest id is another one, or the last of those to be forgotten is.
 */
const FORGET = `
local function forget(key, oldest, count, last)
  if (redis.call('LINDEX', key, -1) or '') ~= oldest then return false end
  if count == 0 then return true end
  if redis.call('LINDEX', key, -count) ~= last then return false end
  redis.call('LTRIM', key, 0, -1 - count)
  return true
end
`;

/**
 * Moves up to ARGV[2] ids to the worker's processing list, highest lane first; every 16th take begins with the lane
 * that has waited longest, so that low priorities move. Refills the handoff, also when it takes none.
 * ARGV: worker id, how many, how many of them may be suspects, the oldest id in the processing list (empty: none), how many to forget
 * from it on, and the last of these. Returns how many it took, these as one text (as 500 replies they take ten times as long to read), and whether
 * that list is as its worker knows it; if not, nothing was forgotten.
 */
const TAKE = `${REFILL}${FORGET}
local base, worker, free, suspects = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local processing = base .. ':processing:' .. worker
local is_known = forget(processing, ARGV[4], tonumber(ARGV[5]), ARGV[6])
local taken = {}
local function take_from(key, most)
  if most <= 0 then return 0 end
  local ids = redis.call('RPOP', key, most)
  if not ids then return 0 end
  for _, id in ipairs(ids) do taken[#taken + 1] = id end
  return #ids
end
local function take_lane(priority, tick)
  if take_from(base .. ':lane:' .. priority, free - #taken) > 0 then
    redis.call('ZADD', base .. ':served', 'XX', tick, priority)
  end
end
if free > 0 then
  local tick = redis.call('INCR', base .. ':takes')
  take_from(base .. ':suspects', math.min(suspects, free))
  if tick % 16 == 0 then
    local longest = redis.call('ZRANGE', base .. ':served', 0, 0)[1]
    if longest then take_lane(longest, tick) end
  end
  take_from(base .. ':handoff', free - #taken)
  for _, priority in ipairs(redis.call('ZREVRANGE', base .. ':lanes', 0, -1)) do
    if #taken >= free then break end
    take_lane(priority, tick)
  end
  for first = 1, #taken, 1000 do
    redis.call('LPUSH', processing, unpack(taken, first, math.min(first + 999, #taken)))
  end
  redis.call('SADD', base .. ':owners', worker)
end
refill(base)
return { #taken, table.concat(taken, ','), is_known and 1 or 0 }
`;

/**
 * Empties a worker's processing list. ARGV: worker id, and `forget` when nothing can push to that list any more: a blocked
 * pop of a worker that is still there may, and without its entry among the owners nobody would ever look into the list.
 * Returns the ids that were in it.
 */
const DRAIN = `
local processing = KEYS[1] .. ':processing:' .. ARGV[1]
local ids = redis.call('LRANGE', processing, 0, -1)
redis.call('DEL', processing)
if ARGV[2] == 'forget' then redis.call('SREM', KEYS[1] .. ':owners', ARGV[1]) end
return ids
`;

/** The oldest offer of a worker that listens, unless something waits already; nothing when that one is for fewer jobs. */
const NEXT_OFFER = `
local function next_offer(base, wanted, channels)
  if redis.call('EXISTS', base .. ':handoff', base .. ':lanes') > 0 then return false end
  for _ = 1, 8 do
    local offer = redis.call('LINDEX', base .. ':offers', -1)
    if not offer then return false end
    local count, address = string.match(offer, '^%d+:(%d+):(.+)$')
    local is_heard = address and redis.call('PUBSUB', 'NUMSUB', channels .. address)[2] > 0
    if is_heard and tonumber(count) < wanted then return false end
    redis.call('RPOP', base .. ':offers')
    if is_heard then return offer end
  end
  return false
end
`;

/** Takes an offer. ARGV: for how many jobs, and what the names of the workers' channels begin with. */
const TAKE_OFFER = `${NEXT_OFFER}
return next_offer(KEYS[1], tonumber(ARGV[1]), ARGV[2])
`;

/**
 * Makes an offer good. ARGV: what the names of the workers' channels begin with, the rest of the name, the message. Returns how many heard it, and another
 * offer, so that the next submit need not ask for one.
 */
const ASSIGN = `${NEXT_OFFER}
local heard = redis.call('PUBLISH', ARGV[1] .. ARGV[2], ARGV[3])
return { heard, next_offer(KEYS[1], 1, ARGV[1]) }
`;

/** Counts one request. ARGV: milliseconds from the first request of a window to its end. Returns the count, and what is left of it. */
const COUNT = `
local count, left = redis.call('INCR', KEYS[1]), redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return { count, left }
`;

export const SCRIPTS = {
  holdfastPush: { lua: PUSH, numberOfKeys: 1 },
  holdfastTake: { lua: TAKE, numberOfKeys: 1 },
  holdfastDrain: { lua: DRAIN, numberOfKeys: 1 },
  holdfastDropFront: { lua: DROP_FRONT, numberOfKeys: 1 },
  holdfastTakeOffer: { lua: TAKE_OFFER, numberOfKeys: 1 },
  holdfastAssign: { lua: ASSIGN, numberOfKeys: 1 },
  holdfastCount: { lua: COUNT, numberOfKeys: 1 },
};
