package parity

import (
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/script"
)

var _ = register(map[string]func(a *args) kmsg.Request{
	"produce":                 produce,
	"fetch":                   fetch,
	"list-offsets":            listOffsets,
	"offset-for-leader-epoch": offsetForLeaderEpoch,
	"delete-records":          deleteRecords,
})

var isolations = map[string]int8{"read_uncommitted": 0, "read_committed": 1}

// produce TOPIC PARTITION [acks=-1] [txn=ID] [producer=NAME] [epoch=N] [seq=N] [transactional] [control] [codec=gzip] [magic=2]
// [count=N] [log-append-time] [corrupt] [garbage] [batches=N] [bytes=N]: KEY [VALUE] [ts=T] [header="k=v"]..., ...
//
// A key or value of - is null, one of ~ is empty; bytes=N stands for one record with a value of so many x.
func produce(a *args) kmsg.Request {
	r := kmsg.NewPtrProduceRequest()
	topic := a.word("a topic")
	partition := a.partition()
	r.TransactionID, r.Acks, r.TimeoutMillis = a.optional("txn"), int16(a.int("acks", -1)), a.int32("timeout", 10_000)
	a.unanswered = r.Acks == 0
	b := batch{producer: a.producer(), sequence: a.int32("seq", -1), magic: int8(a.int("magic", 2)), count: a.int32("count", -1), corrupt: a.Flag("corrupt"), garbage: a.Flag("garbage")}
	if r.TransactionID != nil || a.Flag("transactional") {
		b.attributes |= transactional
	}
	if a.Flag("control") {
		b.attributes |= control
	}
	if a.Flag("log-append-time") {
		b.attributes |= logAppendTime
	}
	if v, ok := a.One("codec"); ok {
		known := false
		for i, c := range codecs {
			if c == v.Value {
				b.attributes, known = b.attributes|int16(i), true
			}
		}
		if !known {
			a.Fail(v.At, "no codec %q; %s", v.Value, script.OneOf(v.Value, codecs))
		}
	}
	now := a.time("ts", time.Now().UnixMilli())
	a.each(func(key string, e *args) {
		record := kmsg.NewRecord()
		record.Key, record.TimestampDelta64 = nullable(key), e.time("ts", now)
		for _, v := range e.words() {
			record.Value = nullable(v)
		}
		for _, h := range e.texts("header") {
			k, v, _ := strings.Cut(h, "=")
			record.Headers = append(record.Headers, kmsg.Header{Key: k, Value: []byte(v)})
		}
		b.records = append(b.records, record)
	})
	if n := a.int("bytes", 0); n > 0 {
		record := kmsg.NewRecord()
		record.Key, record.Value, record.TimestampDelta64 = []byte("k"), []byte(strings.Repeat("x", int(n))), now
		b.records = append(b.records, record)
	}
	wire, err := b.bytes()
	if err != nil {
		a.err = err
	}
	wire = []byte(strings.Repeat(string(wire), int(a.int("batches", 1))))
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	if a.version >= 13 {
		t.TopicID = a.topicID(topic)
	}
	t.Partitions = []kmsg.ProduceRequestTopicPartition{{Partition: partition, Records: wire}}
	r.Topics = append(r.Topics, t)
	return r
}

// nullable is the bytes of a text, nil for - and none for ~.
func nullable(text string) []byte {
	switch text {
	case "-":
		return nil
	case "~":
		return []byte{}
	}
	return []byte(text)
}

// fetch nothing|TOPIC PARTITION [from=0] [isolation=read_committed] [max-wait=0] [min-bytes=1] [max-bytes=N] [partition-max-bytes=N]
// [leader-epoch=N] [last-epoch=N] [session=NAME] [session-epoch=N] [name=NAME] [forget=TOPIC]: TOPIC PARTITION [from=0], ...
//
// The session in the answer gets the name of name=.
func fetch(a *args) kmsg.Request {
	r := kmsg.NewPtrFetchRequest()
	r.IsolationLevel = a.oneOf("isolation", "read_uncommitted", isolations)
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes = a.int32("max-wait", 0), a.int32("min-bytes", 1), a.int32("max-bytes", 52428800)
	r.SessionEpoch = a.int32("session-epoch", -1)
	if v, ok := a.One("session"); ok {
		id, known := a.player.sessions[v.Value]
		if !known {
			id = int32(a.number(v))
		}
		r.SessionID = id
	}
	if name := a.text("name", ""); name != "" {
		a.after = func(answer kmsg.Response) error {
			a.player.sessions[name] = answer.(*kmsg.FetchResponse).SessionID
			return nil
		}
	}
	limit := a.int32("partition-max-bytes", 1048576)
	add := func(topic string, e *args) {
		t := kmsg.NewFetchRequestTopic()
		t.Topic = topic
		if a.version >= 13 {
			t.TopicID = a.topicID(topic)
		}
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = e.partition(), e.int("from", 0), limit
		p.CurrentLeaderEpoch, p.LastFetchedEpoch = e.int32("leader-epoch", -1), e.int32("last-epoch", -1)
		if last := len(r.Topics) - 1; last >= 0 && r.Topics[last].Topic == topic {
			r.Topics[last].Partitions = append(r.Topics[last].Partitions, p)
			return
		}
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
	}
	for _, topic := range a.texts("forget") {
		f := kmsg.NewFetchRequestForgottenTopic()
		f.Topic, f.Partitions = topic, []int32{0}
		r.ForgottenTopics = append(r.ForgottenTopics, f)
	}
	if nothing := a.Flag("nothing"); len(a.do) == 0 && !nothing {
		add(a.word("a topic"), a)
	}
	a.each(add)
	return r
}

var moments = map[string]int64{"latest": -1, "earliest": -2, "max-timestamp": -3, "earliest-local": -4, "latest-tiered": -5, "earliest-pending": -6}

// list-offsets TOPIC PARTITION... at=earliest|latest|max-timestamp|TIME [isolation=read_committed] [leader-epoch=N]
func listOffsets(a *args) kmsg.Request {
	r := kmsg.NewPtrListOffsetsRequest()
	r.ReplicaID, r.IsolationLevel = a.int32("replica", -1), a.oneOf("isolation", "read_uncommitted", isolations)
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = a.word("a topic")
	at, known := moments[a.text("at", "latest")]
	if !known {
		at = a.time("at", -1)
	}
	epoch := a.int32("leader-epoch", -1)
	for _, n := range a.partitions() {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp, p.CurrentLeaderEpoch = n, at, epoch
		t.Partitions = append(t.Partitions, p)
	}
	r.Topics = append(r.Topics, t)
	return r
}

// offset-for-leader-epoch TOPIC PARTITION epoch=N [current=N]
func offsetForLeaderEpoch(a *args) kmsg.Request {
	r := kmsg.NewPtrOffsetForLeaderEpochRequest()
	r.ReplicaID = -1
	t := kmsg.NewOffsetForLeaderEpochRequestTopic()
	t.Topic = a.word("a topic")
	p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	p.Partition, p.LeaderEpoch, p.CurrentLeaderEpoch = a.partition(), a.int32("epoch", 0), a.int32("current", -1)
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return r
}

// delete-records TOPIC PARTITION before=N
func deleteRecords(a *args) kmsg.Request {
	r := kmsg.NewPtrDeleteRecordsRequest()
	r.TimeoutMillis = 10_000
	t := kmsg.NewDeleteRecordsRequestTopic()
	t.Topic = a.word("a topic")
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Partition, p.Offset = a.partition(), a.int("before", -1)
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return r
}
