// Lives that kafkajs leads on a broker: node lives.js LIFE SERVERS [CONFIGURATION]. Each checks what it sees, and ends with an
// error if that is not what Apache Kafka shows.
const assert = require('node:assert/strict')
const { Kafka, CompressionTypes, ConfigResourceTypes, PartitionAssigners, logLevel } = require('kafkajs')

const [life, servers, configuration] = process.argv.slice(2)
const kafka = new Kafka({
  brokers: servers.split(','),
  clientId: 'parity',
  logLevel: logLevel.NOTHING,
  ...JSON.parse(configuration || '{}'),
})
const name = `${life}-${Date.now()}-${process.pid}`

const until = async (what, ok) => {
  for (const late = Date.now() + 60000; !(await ok()); await new Promise(r => setTimeout(r, 20))) {
    assert(Date.now() < late, `${what} never came to be`)
  }
}

const withAdmin = async f => {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await f(admin)
  } finally {
    await admin.disconnect()
  }
}

const topic = async (what, numPartitions) => {
  const topic = `${name}-${what}`
  await withAdmin(admin => admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true }))
  return topic
}

const numbered = (from, to) => Array.from({ length: to - from }, (_, i) => ({ key: `k${from + i}`, value: `v${from + i}` }))

const send = async (topic, messages, options = {}) => {
  const { compression, ...settings } = options
  const producer = kafka.producer(settings)
  await producer.connect()
  const sent = await producer.send({ topic, messages, acks: -1, compression })
  await producer.disconnect()
  return sent
}

// member reads a topic in a group; seen has how often each key came.
const member = async (groupId, topic, seen, options = {}) => {
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 200, sessionTimeout: 10000, rebalanceTimeout: 10000, ...options })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const me = { consumer, partitions: [] }
  consumer.on(consumer.events.GROUP_JOIN, e => { me.partitions = e.payload.memberAssignment[topic] || [] })
  await consumer.run({
    autoCommitInterval: 100,
    eachMessage: async ({ message }) => {
      const key = message.key.toString()
      seen.set(key, (seen.get(key) || 0) + 1)
    },
  })
  return me
}

const fails = async (type, promise) => {
  try {
    await promise
  } catch (e) {
    const [first] = e.errors || (e.groups || []).map(g => g.error)
    assert.equal((first || e).type || e.name, type)
    return
  }
  assert.fail(`no ${type}`)
}

const lives = {
  async produce() {
    const t = await topic('t', 3)
    for (const options of [{}, { compression: CompressionTypes.GZIP }, { idempotent: true, maxInFlightRequests: 1 }]) {
      await send(t, numbered(0, 50).map(m => ({ ...m, headers: { a: 'b', many: ['c', 'd'] } })), options)
    }
    const [sent] = await send(t, [{ key: 'k', value: null, partition: 0, timestamp: '1000' }])
    assert.equal(sent.errorCode, 0)
    const consumer = kafka.consumer({ groupId: name, readUncommitted: false })
    await consumer.connect()
    await consumer.subscribe({ topic: t, fromBeginning: true })
    let n = 0
    let tombstones = 0
    await consumer.run({
      eachMessage: async ({ message }) => {
        n++
        if (message.value === null) {
          assert.equal(message.timestamp, '1000')
          tombstones++
        } else {
          assert.equal(message.headers.a.toString(), 'b')
          assert.deepEqual(message.headers.many.map(String), ['c', 'd'])
        }
      },
    })
    await until('all messages', () => n === 151)
    assert.equal(tombstones, 1)
    await consumer.disconnect()
    // made by asking for it
    await send(`${name}-made`, numbered(0, 1))
  },

  async group() {
    const t = await topic('t', 6)
    const seen = new Map()
    const first = await member(name, t, seen)
    await send(t, numbered(0, 60))
    await until('the first member has seen all', () => seen.size === 60)
    const others = [await member(name, t, seen), await member(name, t, seen)]
    const sizes = () => [first, ...others].map(m => m.partitions.length).join()
    await until('two partitions each', () => sizes() === '2,2,2')
    await send(t, numbered(60, 120))
    await until('three members have seen all', () => seen.size === 120)
    await withAdmin(async admin => {
      const { groups: [group] } = await admin.describeGroups([name])
      assert.equal(group.state, 'Stable')
      assert.equal(group.members.length, 3)
      assert((await admin.listGroups()).groups.some(g => g.groupId === name))
      await fails('NON_EMPTY_GROUP', admin.deleteGroups([name]))
    })
    await first.consumer.disconnect()
    await until('three partitions each', () => others.map(m => m.partitions.length).join() === '3,3')
    await send(t, numbered(120, 180))
    await until('two members have seen all', () => seen.size === 180)
    for (const m of others) await m.consumer.disconnect()
    assert.deepEqual([...new Set(seen.values())], [1])
    await withAdmin(async admin => {
      const [{ partitions }] = await admin.fetchOffsets({ groupId: name, topics: [t] })
      assert.equal(partitions.reduce((sum, p) => sum + Number(p.offset), 0), 180)
      await admin.resetOffsets({ groupId: name, topic: t, earliest: true })
      const [{ partitions: reset }] = await admin.fetchOffsets({ groupId: name, topics: [t], resolveOffsets: true })
      assert.equal(reset.reduce((sum, p) => sum + Number(p.offset), 0), 0)
      await admin.deleteGroups([name])
    })
  },

  async transactions() {
    const t = await topic('t', 1)
    const producer = kafka.producer({ transactionalId: name, idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    for (const [i, end] of ['commit', 'abort', 'commit'].entries()) {
      const transaction = await producer.transaction()
      await transaction.send({ topic: t, messages: [{ value: end }, { value: end }] })
      await transaction.sendOffsets({ consumerGroupId: name, topics: [{ topic: t, partitions: [{ partition: 0, offset: String(i + 1) }] }] })
      await transaction[end]()
    }
    await producer.disconnect()
    for (const [readUncommitted, want] of [[false, 4], [true, 6]]) {
      const consumer = kafka.consumer({ groupId: `${name}-${readUncommitted}`, readUncommitted })
      await consumer.connect()
      await consumer.subscribe({ topic: t, fromBeginning: true })
      const values = []
      await consumer.run({ eachMessage: async ({ message }) => { values.push(message.value.toString()) } })
      await until(`${want} messages`, () => values.length === want)
      assert.equal(values.filter(v => v === 'abort').length, want - 4)
      await consumer.disconnect()
    }
    await withAdmin(async admin => {
      const [{ partitions: [p] }] = await admin.fetchOffsets({ groupId: name, topics: [t] })
      assert.equal(p.offset, '3')
    })
  },

  async admin() {
    await withAdmin(async admin => {
      const t = `${name}-t`
      assert.equal(await admin.createTopics({ topics: [{ topic: t, numPartitions: 2, configEntries: [{ name: 'cleanup.policy', value: 'compact' }] }] }), true)
      assert.equal(await admin.createTopics({ topics: [{ topic: t }] }), false)
      await fails('INVALID_REPLICATION_FACTOR', admin.createTopics({ topics: [{ topic: `${name}-r`, replicationFactor: 99 }] }))
      assert((await admin.listTopics()).includes(t))
      await admin.createPartitions({ topicPartitions: [{ topic: t, count: 3 }] })
      await until('three partitions', async () => (await admin.fetchTopicMetadata({ topics: [t] })).topics[0].partitions.length === 3)
      const resource = { type: ConfigResourceTypes.TOPIC, name: t }
      await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '100000' }, { name: 'cleanup.policy', value: 'delete' }] }] })
      await until('new settings', async () => {
        const { resources: [{ configEntries }] } = await admin.describeConfigs({ resources: [resource], includeSynonyms: false })
        return configEntries.find(e => e.configName === 'retention.ms').configValue === '100000'
      })
      const { brokers, controller, clusterId } = await admin.describeCluster()
      assert.equal(clusterId.length, 22)
      assert.equal(brokers.length, servers.split(',').length)
      assert(controller > 0)
      const from = Date.now()
      await send(t, numbered(0, 10).map((m, i) => ({ ...m, partition: 0, timestamp: String(from + i * 10) })))
      const at = offsets => offsets.find(o => o.partition === 0)
      assert.deepEqual(at(await admin.fetchTopicOffsets(t)), { partition: 0, offset: '10', high: '10', low: '0' })
      assert.equal(at(await admin.fetchTopicOffsetsByTimestamp(t, from + 45)).offset, '5')
      await admin.deleteTopicRecords({ topic: t, partitions: [{ partition: 0, offset: '4' }] })
      assert.equal(at(await admin.fetchTopicOffsets(t)).low, '4')
      await admin.setOffsets({ groupId: name, topic: t, partitions: [{ partition: 0, offset: '7' }] })
      const [{ partitions: [p] }] = await admin.fetchOffsets({ groupId: name, topics: [t] })
      assert.equal(p.offset, '7')
      await admin.deleteTopics({ topics: [t] })
      await until('the topic is gone', async () => !(await admin.listTopics()).includes(t))
    })
  },

  async login() {
    const t = await topic('t', 1)
    await send(t, numbered(0, 1))
    const seen = new Map()
    const { consumer } = await member(name, t, seen)
    await until('what was written', () => seen.size === 1)
    await consumer.disconnect()
  },

  async stranger() {
    const admin = kafka.admin({ retry: { retries: 0 } })
    await assert.rejects(admin.connect())
    await admin.disconnect()
  },

  async acls() {
    const { AclResourceTypes, AclOperationTypes, AclPermissionTypes, ResourcePatternTypes } = require('kafkajs')
    const rule = {
      resourceType: AclResourceTypes.TOPIC, resourceName: name, resourcePatternType: ResourcePatternTypes.PREFIXED,
      principal: 'User:bob', host: '*', operation: AclOperationTypes.READ, permissionType: AclPermissionTypes.ALLOW,
    }
    await withAdmin(async admin => {
      await admin.createAcls({ acl: [rule] })
      const { resources } = await admin.describeAcls(rule)
      assert.equal(resources.length, 1)
      assert.equal(resources[0].acls[0].principal, 'User:bob')
      const { filterResponses } = await admin.deleteAcls({ filters: [rule] })
      assert.equal(filterResponses[0].matchingAcls.length, 1)
    })
  },
}

process.on('unhandledRejection', e => { throw e })
lives[life]().then(() => process.exit(0), e => {
  console.error(e)
  process.exit(1)
})
