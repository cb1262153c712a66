/** ARGV: id, 1 with the payload or 0. Answers a row, or nothing. */
export const getScript = `
if isExpired(ARGV[1]) then return false end
return row(ARGV[1], ARGV[2] == '1')
`

/**
 * Newest first: ids are UUIDs of version 7, whose order is that of time.
 * ARGV: limit, id after which to begin or '', lane or '', states. Answers rows.
 */
export const listScript = `
local limit, after, lane = tonumber(ARGV[1]), ARGV[2], ARGV[3]
promoteAll(200)
expireAll(200)
local lanes = lane ~= '' and { lane } or call('SMEMBERS', P .. ':lanes')
local ids = {}
local max = after == '' and '+' or '(' .. after
local function collect(name, state)
  for _, id in ipairs(call('ZREVRANGEBYLEX', indexKey(name, state), max, '-', 'LIMIT', 0, limit)) do ids[#ids + 1] = id end
end
for _, name in ipairs(lanes) do
  for i = 4, #ARGV do
    collect(name, ARGV[i])
    if ARGV[i] == 'waiting' then collect(name, 'suspect') end
  end
end
table.sort(ids, function(a, b) return a > b end)
local rows = {}
for i = 1, math.min(limit, #ids) do
  local one = row(ids[i], false, true)
  if one then rows[#rows + 1] = one end
end
return rows
`

/** Answers { lane, waiting, active, delayed, dead, submittedMs of the oldest that waits or nothing } for each lane that holds tasks. */
export const statsScript = `
promoteAll(200)
expireAll(200)
local answers = {}
for _, lane in ipairs(call('SMEMBERS', P .. ':lanes')) do
  local counts, total = { lane }, 0
  for _, state in ipairs({ 'waiting', 'active', 'delayed', 'dead', 'done', 'cancelled' }) do
    local count = call('ZCARD', indexKey(lane, state))
    if state == 'waiting' then count = count + call('ZCARD', indexKey(lane, 'suspect')) end
    total = total + count
    if #counts < 5 then counts[#counts + 1] = count end
  end
  if total == 0 then
    call('SREM', P .. ':lanes', lane)
    call('HDEL', P .. ':turns', lane)
  else
    local oldest = call('ZRANGE', indexKey(lane, 'waiting'), 0, 0)[1]
    local suspect = call('ZRANGE', indexKey(lane, 'suspect'), 0, 0)[1]
    if suspect and not (oldest and oldest < suspect) then oldest = suspect end
    counts[6] = oldest and call('HGET', taskKey(oldest), 'sub') or false
    answers[#answers + 1] = counts
  end
end
return answers
`

/** ARGV: lane or '', state, how many at most. Answers ids, the oldest of each lane. */
export const idsScript = `
local lanes = ARGV[1] ~= '' and { ARGV[1] } or call('SMEMBERS', P .. ':lanes')
expireAll(200)
local ids = {}
for _, lane in ipairs(lanes) do
  for _, id in ipairs(call('ZRANGE', indexKey(lane, ARGV[2]), 0, tonumber(ARGV[3]) - #ids - 1)) do ids[#ids + 1] = id end
  if #ids >= tonumber(ARGV[3]) then break end
end
return ids
`
