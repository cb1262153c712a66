/**
 * What has to be done now and then, by whichever process comes first; in small pieces, for the server does nothing else meanwhile.
 * Answers { reaped, tickets that are still to be put into BullMQ }, each as { id, lane, ticket, priority, wait in ms }.
 */
export const careScript = `
passWhenFull()
local reaped = reapAll(100)
promoteAll(200)
expireAll(200)
local missing = {}
-- Whoever submitted puts the ticket in at once; older ones belong to a process that died in between.
for _, id in ipairs(call('ZRANGEBYSCORE', P .. ':pending', '-inf', int(now - 2000), 'LIMIT', 0, 200)) do
  local r = call('HMGET', taskKey(id), 'st', 'q', 'gen', 'pri', 'ret')
  if (r[1] == 'waiting' or r[1] == 'delayed') and not isSuspect(id) then
    missing[#missing + 1] = { id, r[2], id .. '.' .. r[3], r[4], r[5] and math.max(0, tonumber(r[5]) - now) or 0 }
  else
    call('ZREM', P .. ':pending', id)
  end
end
return { reaped, missing }
`

/**
 * Looks for waiting tasks whose ticket is gone, which only another program's hand in BullMQ can bring about. ARGV: lane, what stands before the name in a
 * ticket's key. Answers how many there are; a round of care puts tickets in.
 */
export const mendScript = `
local missing = 0
for _, id in ipairs(call('ZRANGE', indexKey(ARGV[1], 'waiting'), 0, 199)) do
  if call('EXISTS', ARGV[2] .. id .. '.' .. call('HGET', taskKey(id), 'gen')) == 0 and not call('ZSCORE', P .. ':pending', id) then
    call('ZADD', P .. ':pending', int(now), id)
    missing = missing + 1
  end
end
return missing
`

/**
 * Gives dead tasks all their attempts again and no deadline, under a new ticket: the old one may just be on its way out.
 * ARGV: ids. Answers tickets as `careScript` does.
 */
export const retryScript = `
local tickets = {}
for i = 1, #ARGV do
  local id = ARGV[i]
  local key = taskKey(id)
  local r = call('HMGET', key, 'st', 'q', 'pri')
  if r[1] == 'dead' and not isExpired(id) then
    call('HSET', key, 'att', 0, 'dea', 0)
    move(id, r[2], 'dead', 'waiting')
    local gen = call('HINCRBY', key, 'gen', 1)
    call('HDEL', key, 'fin', 'exp', 'sta', 'lt', 'fl', 'ha', 'ht', 'dl')
    call('ZREM', P .. ':expiry', id)
    call('ZREM', P .. ':hooks', id)
    call('ZADD', P .. ':pending', int(now), id)
    tickets[#tickets + 1] = { id, r[2], id .. '.' .. int(gen), r[3], 0 }
  end
end
return tickets
`

/** Deletes the oldest tasks of one lane and state. ARGV: lane, state, how many at most. Answers their tickets. */
export const purgeScript = `
local lane, state = ARGV[1], ARGV[2]
promoteAll(200)
local ids = call('ZRANGE', indexKey(lane, state), 0, tonumber(ARGV[3]) - 1)
if state == 'waiting' and #ids < tonumber(ARGV[3]) then
  for _, id in ipairs(call('ZRANGE', indexKey(lane, 'suspect'), 0, tonumber(ARGV[3]) - #ids - 1)) do ids[#ids + 1] = id end
end
local tickets = {}
for _, id in ipairs(ids) do
  tickets[#tickets + 1] = id .. '.' .. (call('HGET', taskKey(id), 'gen') or '0')
  unindex(id, lane, state)
  if not FINALS[state] then call('DECR', P .. ':unfinished') end
  forget(id)
  tell(id)
end
return tickets
`
