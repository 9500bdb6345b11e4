"""The Lua that runs inside Redis: every write of ours is checked there, in the same step.

A script runs alone, so its checks hold while it writes. Redis refuses a script's first write when
memory is short, and never a later one; `WRITE` therefore begins each customer with HSET, which
either happens whole or not at all, and no hash is ever left half old, half new.

Values travel as one msgpack string per call (`cmsgpack` is part of every Redis): packing 60
arguments a customer as Redis arguments costs the worker 11 us, this 1.7 us (`tests/bench`).
"""

from __future__ import annotations

from typing import Final

# Statuses of WRITE, first in its reply.
WRITTEN: Final = 0
UNREGISTERED: Final = 1
DEPOSED: Final = 2
NOT_PUBLISHING: Final = 3

WRITE: Final = b"""
-- KEYS: gen, epochs, then customers.  ARGV: build, gen, partition, epoch, msgpack of
-- {positions, rows}; a row is field, value, field, value...
-- Reply: status, then the places (from 1) of the customers whose stored version is newer.
local call = redis.call
local publishing = call('HMGET', KEYS[1], 'build', 'gen')
if not publishing[1] then return {1} end
if publishing[1] ~= ARGV[1] or publishing[2] ~= ARGV[2] then return {3} end
local epoch = tonumber(call('HGET', KEYS[2], ARGV[3]))
local mine = tonumber(ARGV[4])
if not epoch or epoch < mine then return {1} end
if epoch > mine then return {2} end
local gen = tonumber(ARGV[2])
local sent = cmsgpack.unpack(ARGV[5])
local positions, rows = sent[1], sent[2]
local reply = {0}
for i = 1, #rows do
  local key = KEYS[i + 2]
  local stored = redis.pcall('HMGET', key, 'gen', 'pos')
  if stored.err then call('DEL', key) stored = {} end
  local stored_gen, stored_pos = tonumber(stored[1]), tonumber(stored[2])
  if stored_gen and (stored_gen > gen
      or (stored_gen == gen and stored_pos and stored_pos > positions[i])) then
    reply[#reply + 1] = i
  else
    local row = rows[i]
    call('HSET', key, unpack(row))
    if call('HLEN', key) * 2 ~= #row then
      call('DEL', key)
      call('HSET', key, unpack(row))
    end
  end
end
return reply
"""

OPEN: Final = b"""
-- KEYS: gen, epochs, published.  ARGV: build, gen to set where there is none (0: leave it), then
-- partition, epoch for each.
-- Reply: build, gen, then for each partition: epoch stored before, published value.
local publishing = redis.call('HMGET', KEYS[1], 'build', 'gen')
if not publishing[1] and ARGV[2] ~= '0' then
  redis.call('HSET', KEYS[1], 'build', ARGV[1], 'gen', ARGV[2])
  publishing = {ARGV[1], ARGV[2]}
end
local reply = {publishing[1], publishing[2]}
for i = 3, #ARGV, 2 do
  local stored = redis.call('HGET', KEYS[2], ARGV[i])
  if not stored or tonumber(stored) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
  reply[#reply + 1] = stored
  reply[#reply + 1] = redis.call('HGET', KEYS[3], ARGV[i])
end
return reply
"""

MOVE: Final = b"""
-- KEYS: epochs, published.  ARGV: partition, epoch, value expected ('': none), new value, for each.
-- Reply for each: 1 moved, 0 refused.
local reply = {}
for i = 1, #ARGV, 4 do
  local stored = redis.call('HGET', KEYS[2], ARGV[i]) or ''
  local moved = 0
  if stored == ARGV[i + 2] and redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 3])
    moved = 1
  end
  reply[#reply + 1] = moved
end
return reply
"""

MODEL: Final = b"""
-- KEYS: gen, the current model or the challenger, the model by its id (absent without a model).
-- ARGV: build, field, value...   Reply: 1 written, 0 another build publishes.
if redis.call('HGET', KEYS[1], 'build') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if KEYS[3] then
  for i = 2, 3 do
    redis.call('DEL', KEYS[i])
    redis.call('HSET', KEYS[i], unpack(ARGV, 2))
  end
end
return 1
"""

SCORING: Final = b"""
-- KEYS: gen, scoring.  ARGV: build, field, value...
-- Reply: 1 written, 0 another build publishes.
if redis.call('HGET', KEYS[1], 'build') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], unpack(ARGV, 2))
return 1
"""

SUMMARY: Final = b"""
-- KEYS: gen, epochs, then one hash a summary.  ARGV: build, gen, partition, epoch, then a value
-- for each hash.   Reply: a status, as of WRITE.
local publishing = redis.call('HMGET', KEYS[1], 'build', 'gen')
if not publishing[1] then return 1 end
if publishing[1] ~= ARGV[1] or publishing[2] ~= ARGV[2] then return 3 end
local epoch = tonumber(redis.call('HGET', KEYS[2], ARGV[3]))
local mine = tonumber(ARGV[4])
if not epoch or epoch < mine then return 1 end
if epoch > mine then return 2 end
for i = 3, #KEYS do
  local done = redis.pcall('HSET', KEYS[i], ARGV[3], ARGV[i + 2])
  if type(done) == 'table' and done.err then
    redis.call('DEL', KEYS[i])
    redis.call('HSET', KEYS[i], ARGV[3], ARGV[i + 2])
  end
end
return 0
"""
