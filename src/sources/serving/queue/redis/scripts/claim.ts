/** One claim in so many goes to the oldest task of the lane, whatever its priority, so that none waits for ever. */
export const OLDEST_EVERY = 8

/**
 * Before a claim: leases that ran out are taken back, and for each lane it is said how many tickets to take from BullMQ. Suspects have no tickets, for those
 * that may not be handed out would stand in the way of all others: one is named here, if one is wanted, and its lane gives nothing else then.
 *
 * ARGV: how many suspects, 0 or 1; bytes of payloads; then for each lane its name, tasksMax, rowsMax, 1 when the claim has tasks of it already, and BullMQ's keys of it, `wait` (served first, from its end)
 * and `prioritized`.
 * Answers { reaped, { which lane, its suspect } or {}, { { how many, tickets to put first … } … } }.
 */
export const planScript = `
local bytesLeft = tonumber(ARGV[2])

-- How many of these tickets there is room for, and their bytes; the first even if it alone is too large.
local function fitting(tickets, want, rowsLeft, begun)
  local bytes = 0
  for n = 1, math.min(#tickets, want) do
    local id = string.match(tickets[n], '^(.*)%.%d+$') or ''
    local rows, size = tonumber(call('HGET', taskKey(id), 'rows') or '0'), bytesOf(id)
    if (begun or n > 1) and (rows > rowsLeft or bytes + size > bytesLeft) then return n - 1, bytes end
    rowsLeft, bytes = rowsLeft - rows, bytes + size
  end
  -- Fewer tickets than tasks: some are delayed still, and BullMQ moves them when it is asked.
  return want, bytes
end

local function set(list, last)
  local members = {}
  for n = 1, math.min(#list, last) do members[list[n]] = true end
  return members
end

local function planLane(lane, want, rowsLeft, begun, waitKey, prioritizedKey)
  -- As BullMQ would hand them out: the list from its end, then by priority.
  local tickets = {}
  local front = call('LRANGE', waitKey, -want, -1)
  for n = #front, 1, -1 do tickets[#tickets + 1] = front[n] end
  if #front < want then
    for _, ticket in ipairs(call('ZRANGE', prioritizedKey, 0, want - #front - 1)) do tickets[#tickets + 1] = ticket end
  end
  local count, bytes = fitting(tickets, want, rowsLeft, begun)
  local turns = tonumber(call('HGET', P .. ':turns', lane) or '0')
  local byAge = math.floor((turns + count) / ${OLDEST_EVERY}) - math.floor(turns / ${OLDEST_EVERY})
  local raised = {}
  if byAge > 0 then
    local oldest = {}
    for _, id in ipairs(call('ZRANGE', indexKey(lane, 'waiting'), 0, byAge - 1)) do oldest[#oldest + 1] = id .. '.' .. call('HGET', taskKey(id), 'gen') end
    local among, comeAnyway = set(tickets, count), true
    for _, ticket in ipairs(oldest) do comeAnyway = comeAnyway and among[ticket] end
    if not comeAnyway then
      -- Raised ones push out the last of the others.
      local stay, order = set(tickets, count - byAge), {}
      for _, ticket in ipairs(oldest) do
        if not stay[ticket] then raised[#raised + 1] = ticket end
      end
      local isRaised = set(raised, #raised)
      for _, ticket in ipairs(raised) do order[#order + 1] = ticket end
      for _, ticket in ipairs(tickets) do
        if not isRaised[ticket] then order[#order + 1] = ticket end
      end
      count, bytes = fitting(order, count, rowsLeft, begun)
    end
  end
  bytesLeft = bytesLeft - bytes
  call('HINCRBY', P .. ':turns', lane, count)
  return { count, unpack(raised) }
end

passWhenFull()
local reaped = reapAll(100)
promoteAll(200)
local suspectsLeft = tonumber(ARGV[1] or '0')
local suspect, plans = {}, {}
for i = 3, #ARGV, 6 do
  local lane, rowsLeft, begun = ARGV[i], tonumber(ARGV[i + 2]), ARGV[i + 3] == '1'
  local want = tonumber(ARGV[i + 1])
  local isOpen = want > 0 and rowsLeft > 0 and bytesLeft > 0
  local id = isOpen and not begun and suspectsLeft > 0 and call('ZRANGE', indexKey(lane, 'suspect'), 0, 0)[1]
  want = math.min(want, call('ZCARD', indexKey(lane, 'waiting')))
  if id then
    suspect, suspectsLeft = { #plans, id .. '.' .. call('HGET', taskKey(id), 'gen') }, suspectsLeft - 1
    plans[#plans + 1] = { 0 }
    bytesLeft = bytesLeft - bytesOf(id)
  elseif isOpen and want > 0 then
    plans[#plans + 1] = planLane(lane, want, rowsLeft, begun, ARGV[i + 4], ARGV[i + 5])
  else
    plans[#plans + 1] = { 0 }
  end
end
return { reaped, suspect, plans }
`

/**
 * Begins executions for tickets taken, and for the suspect that was named. The record decides; a ticket that says something else is put right.
 *
 * ARGV: worker, bytes of payloads, then for each ticket its name, token, of its lane the same as above, rowsMax and 1 when the claim has tasks of it already, and 1 when it is
 * no ticket but a suspect's name. Answers for each { fate, wait in ms or row, outcome of the task or '' }: run; later, in so many ms; back, for there is no
 * room for it; drop, for it is final or gone, or a suspect, which needs none. A suspect that another took in the same moment is to be dropped too.
 */
export const startScript = `
passWhenFull()
local answers = {}
local rowsTaken = {}
local bytesLeft = tonumber(ARGV[2])
for i = 3, #ARGV, 5 do
  local id, gen = string.match(ARGV[i], '^(.*)%.(%d+)$')
  local token, rowsMax = ARGV[i + 1], tonumber(ARGV[i + 2])
  id = id or ''
  local key = taskKey(id)
  local r = call('HMGET', key, 'st', 'q', 'gen', 'tok', 'lea', 'ret', 'dl', 'rows')
  local state, lane = r[1], r[2]
  local outcome = ''
  if state == 'active' and r[4] ~= token and tonumber(r[5]) <= now then
    outcome = reap(id)[4]
    state = call('HGET', key, 'st')
  end
  local answer
  local isHeld = state == 'active' and r[4] == token
  if not state or FINALS[state] or r[3] ~= gen or (not isHeld and isSuspect(id) ~= (ARGV[i + 4] == '1')) then
    answer = { 'drop', 0 }
  elseif state == 'active' and r[4] ~= token then
    answer = { 'later', tonumber(r[5]) - now }
  elseif state == 'delayed' and tonumber(r[6]) > now then
    answer = { 'later', tonumber(r[6]) - now }
  elseif state ~= 'active' and r[7] and tonumber(r[7]) <= now then
    die(id, lane, state, 'MW_TASK_EXPIRED', 'its deadline passed ' .. int(now - tonumber(r[7])) .. ' ms before a worker could take it')
    answer = { 'drop', 0 }
    outcome = 'expired'
  elseif (ARGV[i + 3] == '1' or rowsTaken[lane]) and ((rowsTaken[lane] or 0) + tonumber(r[8]) > rowsMax or bytesOf(id) > bytesLeft) then
    answer = { 'back', 0 }
  else
    if state ~= 'active' then
      move(id, lane, state, 'active')
      call('HINCRBY', key, 'att', 1)
      call('HSET', key, 'tok', token, 'sta', int(now), 'lea', int(now + LEASE_MS), 'wrk', ARGV[1])
      call('ZADD', P .. ':leases', int(now + LEASE_MS), id)
      call('ZREM', P .. ':pending', id)
    end
    rowsTaken[lane] = (rowsTaken[lane] or 0) + tonumber(r[8])
    bytesLeft = bytesLeft - bytesOf(id)
    answer = { 'run', row(id, true) }
  end
  answer[3] = outcome
  answers[#answers + 1] = answer
end
return answers
`

/** ARGV: for each claim id, token. Answers 1 for each that still holds, else 0. */
export const heartbeatScript = `
passWhenFull()
local answers = {}
for i = 1, #ARGV, 2 do
  local r = call('HMGET', taskKey(ARGV[i]), 'st', 'tok', 'lea')
  local holds = r[1] == 'active' and r[2] == ARGV[i + 1] and tonumber(r[3]) > now
  if holds then
    call('HSET', taskKey(ARGV[i]), 'lea', int(now + LEASE_MS))
    call('ZADD', P .. ':leases', int(now + LEASE_MS), ARGV[i])
  end
  answers[#answers + 1] = holds and 1 or 0
end
return answers
`
