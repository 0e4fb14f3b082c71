// Package kafkamock replaces the parts that goka is connected to, one by one, in tests. Whole applications are easier to
// test with package tester, which New of this package returns too.
//
// MockBroker, MockClient, MockClusterAdmin, MockProducer, MockStorage and MockTopicManager are mocks of gomock: they
// answer the calls that a test expects. Their controller comes from NewMockController, so that an unexpected call fails
// the test also when a goroutine of the code under test makes it.
//
// MockAutoConsumer and MockConsumerGroup need no expectation per call. They read a log of package memkafka, as
// consumers read Kafka's, and the test appends to it:
//
//	group := kafkamock.NewMockConsumerGroup(t)
//	go group.Consume(ctx, []string{"orders"}, handler)
//	group.SendMessageWait(&sarama.ConsumerMessage{Topic: "orders", Key: []byte("k"), Value: []byte("v")})
//
// MockProducer.ProduceInto lets a mocked producer write to such a log.
//
// All mocks report what is wrong by Errorf, which any goroutine may call, and go on in a way that lets nobody wait for
// ever. They end with the test.
package kafkamock
