/** Of the server's `maxmemory`, for tasks to be taken in; the rest is for their results. */
export const MEMORY_RATIO_MAX = 0.9

/**
 * Stores tasks, each whole or not at all: the record, its place in the index, the idempotency key, and the word `pending` that its ticket is still to be
 * put into BullMQ. A script that is sent again after a lost answer finds its own id and says the same.
 *
 * ARGV: tasksMax, idempotencyMs, then for each task id, lane, revision, priority, rows, submittedMs, deadlineMs or '', webhook as JSON or '',
 * digest of the idempotency key or '', digest of the request, payload. Answers kind, id, and the ticket that is to be put into BullMQ or '' of each; kind is
 * accepted, known, conflict, full or crowded. A task that is known by its own id may have been stored by a call that went no further: its ticket is told as well.
 */
export const submitScript = `
-- Before the server itself refuses all that takes memory, which is what handing tasks out and storing results does too: then nothing would empty the queue.
local function isMemoryFull()
  local info = call('INFO', 'memory')
  local most = tonumber(string.match(info, '\\nmaxmemory:(%d+)') or '0')
  return most > 0 and tonumber(string.match(info, 'used_memory:(%d+)')) > ${MEMORY_RATIO_MAX} * most
end

local isCrowded = isMemoryFull()
local tasksMax, keepMs = tonumber(ARGV[1]), ARGV[2]
local answers = {}
local unfinished = tonumber(call('GET', P .. ':unfinished') or '0')
local function answer(kind, id, gen)
  answers[#answers + 1] = kind
  answers[#answers + 1] = id
  answers[#answers + 1] = gen and id .. '.' .. gen or ''
end
for i = 3, #ARGV, 11 do
  local id, lane, deadline, hook, idem, digest = ARGV[i], ARGV[i + 1], ARGV[i + 6], ARGV[i + 7], ARGV[i + 8], ARGV[i + 9]
  local known = idem ~= '' and call('GET', P .. ':idem:' .. idem)
  local knownId, knownDigest
  if known then knownId, knownDigest = string.match(known, '^(%S+) (.*)$') end
  if known and knownId ~= id then
    answer(knownDigest == digest and 'known' or 'conflict', knownId)
  elseif call('EXISTS', taskKey(id)) == 1 then
    answer('known', id, call('ZSCORE', P .. ':pending', id) and call('HGET', taskKey(id), 'gen'))
  elseif unfinished >= tasksMax then
    answer('full', id)
  elseif isCrowded then
    answer('crowded', id)
  else
    call('HSET', taskKey(id), 'q', lane, 'rev', ARGV[i + 2], 'pri', ARGV[i + 3], 'rows', ARGV[i + 4], 'st', 'waiting', 'att', 0, 'dea', 0,
      'sub', ARGV[i + 5], 'gen', int(now))
    if deadline ~= '' then call('HSET', taskKey(id), 'dl', deadline) end
    if hook ~= '' then call('HSET', taskKey(id), 'wh', hook) end
    call('SET', P .. ':payload:' .. id, ARGV[i + 10])
    call('SADD', P .. ':lanes', lane)
    call('ZADD', indexKey(lane, 'waiting'), 0, id)
    call('ZADD', P .. ':pending', int(now), id)
    if idem ~= '' then call('SET', P .. ':idem:' .. idem, id .. ' ' .. digest, 'PX', keepMs) end
    unfinished = call('INCR', P .. ':unfinished')
    answer('accepted', id, int(now))
  end
end
return answers
`

/** Their tickets are in BullMQ. ARGV: ids. Wakes the workers, for only now is there something to take. */
export const ticketedScript = `
for i = 1, #ARGV do call('ZREM', P .. ':pending', ARGV[i]) end
wake()
return #ARGV
`
