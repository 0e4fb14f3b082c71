// The public API that goka's reference page lists, as assignments that compile only while this module keeps it.

//nolint:errcheck,staticcheck // signatures are spelled out, and results do not matter
package apicheck

import (
	"context"
	"errors"
	"hash"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/golang/mock/gomock"

	"github.com/gokasim/gokasim/goka"
	"github.com/gokasim/gokasim/goka/logger"
	"github.com/gokasim/gokasim/kafkamock"
	"github.com/gokasim/gokasim/storage"
)

// Functions and methods, by their signatures on the reference page.
var (
	_ func(config *sarama.Config) goka.ConsumerGroupBuilder                                                                       = goka.ConsumerGroupBuilderWithConfig
	_ func() *sarama.Config                                                                                                       = goka.DefaultConfig
	_ func(brokers []string, group, clientID string) (sarama.ConsumerGroup, error)                                                = goka.DefaultConsumerGroupBuilder
	_ func() func() hash.Hash32                                                                                                   = goka.DefaultHasher
	_ func(group goka.Group) string                                                                                               = goka.DefaultProcessorStoragePath
	_ func(a goka.Assignment)                                                                                                     = goka.DefaultRebalance
	_ func(brokers []string, clientID string) (sarama.Consumer, error)                                                            = goka.DefaultSaramaConsumerBuilder
	_ func(brokers []string) (goka.TopicManager, error)                                                                           = goka.DefaultTopicManagerBuilder
	_ func(s storage.Storage, partition int32, key string, value []byte) error                                                    = goka.DefaultUpdate
	_ func() string                                                                                                               = goka.DefaultViewStoragePath
	_ func(group goka.Group, edges ...goka.Edge) *goka.GroupGraph                                                                 = goka.DefineGroup
	_ func(recv *goka.GroupGraph) goka.Group                                                                                      = (*goka.GroupGraph).Group
	_ func(recv *goka.GroupGraph) goka.Edge                                                                                       = (*goka.GroupGraph).GroupTable
	_ func(recv *goka.GroupGraph) goka.Edges                                                                                      = (*goka.GroupGraph).InputStreams
	_ func(recv *goka.GroupGraph) goka.Edges                                                                                      = (*goka.GroupGraph).JointTables
	_ func(recv *goka.GroupGraph) goka.Edges                                                                                      = (*goka.GroupGraph).LookupTables
	_ func(recv *goka.GroupGraph) goka.Edge                                                                                       = (*goka.GroupGraph).LoopStream
	_ func(recv *goka.GroupGraph) goka.Edges                                                                                      = (*goka.GroupGraph).OutputStreams
	_ func(recv *goka.GroupGraph) error                                                                                           = (*goka.GroupGraph).Validate
	_ func(topic goka.Stream, c goka.Codec, cb goka.ProcessCallback) goka.Edge                                                    = goka.Input
	_ func(topics goka.Streams, c goka.Codec, cb goka.ProcessCallback) goka.Edge                                                  = goka.Inputs
	_ func(topic goka.Table, c goka.Codec) goka.Edge                                                                              = goka.Join
	_ func(topic goka.Table, c goka.Codec) goka.Edge                                                                              = goka.Lookup
	_ func(c goka.Codec, cb goka.ProcessCallback) goka.Edge                                                                       = goka.Loop
	_ func(recv *kafkamock.MockAutoConsumer) error                                                                                = (*kafkamock.MockAutoConsumer).Close
	_ func(recv *kafkamock.MockAutoConsumer, topic string, partition int32, offset int64) (sarama.PartitionConsumer, error)       = (*kafkamock.MockAutoConsumer).ConsumePartition
	_ func(recv *kafkamock.MockAutoConsumer, topic string, partition int32, offset int64) *kafkamock.MockAutoPartitionConsumer    = (*kafkamock.MockAutoConsumer).ExpectConsumePartition
	_ func(recv *kafkamock.MockAutoConsumer) map[string]map[int32]int64                                                           = (*kafkamock.MockAutoConsumer).HighWaterMarks
	_ func(recv *kafkamock.MockAutoConsumer, topic string) ([]int32, error)                                                       = (*kafkamock.MockAutoConsumer).Partitions
	_ func(recv *kafkamock.MockAutoConsumer, metadata map[string][]int32)                                                         = (*kafkamock.MockAutoConsumer).SetTopicMetadata
	_ func(recv *kafkamock.MockAutoConsumer) ([]string, error)                                                                    = (*kafkamock.MockAutoConsumer).Topics
	_ func(recv *kafkamock.MockAutoPartitionConsumer)                                                                             = (*kafkamock.MockAutoPartitionConsumer).AsyncClose
	_ func(recv *kafkamock.MockAutoPartitionConsumer) error                                                                       = (*kafkamock.MockAutoPartitionConsumer).Close
	_ func(recv *kafkamock.MockAutoPartitionConsumer) <-chan *sarama.ConsumerError                                                = (*kafkamock.MockAutoPartitionConsumer).Errors
	_ func(recv *kafkamock.MockAutoPartitionConsumer)                                                                             = (*kafkamock.MockAutoPartitionConsumer).ExpectErrorsDrainedOnClose
	_ func(recv *kafkamock.MockAutoPartitionConsumer)                                                                             = (*kafkamock.MockAutoPartitionConsumer).ExpectMessagesDrainedOnClose
	_ func(recv *kafkamock.MockAutoPartitionConsumer) int64                                                                       = (*kafkamock.MockAutoPartitionConsumer).HighWaterMarkOffset
	_ func(recv *kafkamock.MockAutoPartitionConsumer) <-chan *sarama.ConsumerMessage                                              = (*kafkamock.MockAutoPartitionConsumer).Messages
	_ func(recv *kafkamock.MockAutoPartitionConsumer, err error)                                                                  = (*kafkamock.MockAutoPartitionConsumer).YieldError
	_ func(recv *kafkamock.MockAutoPartitionConsumer, msg *sarama.ConsumerMessage)                                                = (*kafkamock.MockAutoPartitionConsumer).YieldMessage
	_ func(recv *kafkamock.MockBroker) (bool, error)                                                                              = (*kafkamock.MockBroker).Connected
	_ func(recv *kafkamock.MockBroker, arg0 *sarama.CreateTopicsRequest) (*sarama.CreateTopicsResponse, error)                    = (*kafkamock.MockBroker).CreateTopics
	_ func(recv *kafkamock.MockBroker) *kafkamock.MockBrokerMockRecorder                                                          = (*kafkamock.MockBroker).EXPECT
	_ func(recv *kafkamock.MockBrokerMockRecorder) *gomock.Call                                                                   = (*kafkamock.MockBrokerMockRecorder).Addr
	_ func(recv *kafkamock.MockBrokerMockRecorder) *gomock.Call                                                                   = (*kafkamock.MockBrokerMockRecorder).Connected
	_ func(recv *kafkamock.MockBrokerMockRecorder, arg0 interface{}) *gomock.Call                                                 = (*kafkamock.MockBrokerMockRecorder).CreateTopics
	_ func(recv *kafkamock.MockBrokerMockRecorder, arg0 interface{}) *gomock.Call                                                 = (*kafkamock.MockBrokerMockRecorder).Open
	_ func(recv *kafkamock.MockClient) []*sarama.Broker                                                                           = (*kafkamock.MockClient).Brokers
	_ func(recv *kafkamock.MockClient) error                                                                                      = (*kafkamock.MockClient).Close
	_ func(recv *kafkamock.MockClient) bool                                                                                       = (*kafkamock.MockClient).Closed
	_ func(recv *kafkamock.MockClient) *sarama.Config                                                                             = (*kafkamock.MockClient).Config
	_ func(recv *kafkamock.MockClient) (*sarama.Broker, error)                                                                    = (*kafkamock.MockClient).Controller
	_ func(recv *kafkamock.MockClient, arg0 string) (*sarama.Broker, error)                                                       = (*kafkamock.MockClient).Coordinator
	_ func(recv *kafkamock.MockClient) *kafkamock.MockClientMockRecorder                                                          = (*kafkamock.MockClient).EXPECT
	_ func(recv *kafkamock.MockClient, arg0 string, arg1 int32, arg2 int64) (int64, error)                                        = (*kafkamock.MockClient).GetOffset
	_ func(recv *kafkamock.MockClient, arg0 string, arg1 int32) ([]int32, error)                                                  = (*kafkamock.MockClient).InSyncReplicas
	_ func(recv *kafkamock.MockClient) (*sarama.InitProducerIDResponse, error)                                                    = (*kafkamock.MockClient).InitProducerID
	_ func(recv *kafkamock.MockClient, arg0 string, arg1 int32) (*sarama.Broker, error)                                           = (*kafkamock.MockClient).Leader
	_ func(recv *kafkamock.MockClient, arg0 string, arg1 int32) ([]int32, error)                                                  = (*kafkamock.MockClient).OfflineReplicas
	_ func(recv *kafkamock.MockClient, arg0 string) ([]int32, error)                                                              = (*kafkamock.MockClient).Partitions
	_ func(recv *kafkamock.MockClient) (*sarama.Broker, error)                                                                    = (*kafkamock.MockClient).RefreshController
	_ func(recv *kafkamock.MockClient, arg0 string) error                                                                         = (*kafkamock.MockClient).RefreshCoordinator
	_ func(recv *kafkamock.MockClient, arg0 ...string) error                                                                      = (*kafkamock.MockClient).RefreshMetadata
	_ func(recv *kafkamock.MockClient, arg0 string, arg1 int32) ([]int32, error)                                                  = (*kafkamock.MockClient).Replicas
	_ func(recv *kafkamock.MockClient) ([]string, error)                                                                          = (*kafkamock.MockClient).Topics
	_ func(recv *kafkamock.MockClient, arg0 string) ([]int32, error)                                                              = (*kafkamock.MockClient).WritablePartitions
	_ func(recv *kafkamock.MockClientMockRecorder) *gomock.Call                                                                   = (*kafkamock.MockClientMockRecorder).Brokers
	_ func(recv *kafkamock.MockClientMockRecorder) *gomock.Call                                                                   = (*kafkamock.MockClientMockRecorder).Close
	_ func(recv *kafkamock.MockClientMockRecorder) *gomock.Call                                                                   = (*kafkamock.MockClientMockRecorder).Closed
	_ func(recv *kafkamock.MockClientMockRecorder) *gomock.Call                                                                   = (*kafkamock.MockClientMockRecorder).Config
	_ func(recv *kafkamock.MockClientMockRecorder) *gomock.Call                                                                   = (*kafkamock.MockClientMockRecorder).Controller
	_ func(recv *kafkamock.MockClientMockRecorder, arg0 interface{}) *gomock.Call                                                 = (*kafkamock.MockClientMockRecorder).Coordinator
	_ func(recv *kafkamock.MockClientMockRecorder, arg0, arg1, arg2 interface{}) *gomock.Call                                     = (*kafkamock.MockClientMockRecorder).GetOffset
	_ func(recv *kafkamock.MockClientMockRecorder, arg0, arg1 interface{}) *gomock.Call                                           = (*kafkamock.MockClientMockRecorder).InSyncReplicas
	_ func(recv *kafkamock.MockClientMockRecorder) *gomock.Call                                                                   = (*kafkamock.MockClientMockRecorder).InitProducerID
	_ func(recv *kafkamock.MockClientMockRecorder, arg0, arg1 interface{}) *gomock.Call                                           = (*kafkamock.MockClientMockRecorder).Leader
	_ func(recv *kafkamock.MockClientMockRecorder, arg0, arg1 interface{}) *gomock.Call                                           = (*kafkamock.MockClientMockRecorder).OfflineReplicas
	_ func(recv *kafkamock.MockClientMockRecorder, arg0 interface{}) *gomock.Call                                                 = (*kafkamock.MockClientMockRecorder).Partitions
	_ func(recv *kafkamock.MockClientMockRecorder) *gomock.Call                                                                   = (*kafkamock.MockClientMockRecorder).RefreshController
	_ func(recv *kafkamock.MockClientMockRecorder, arg0 interface{}) *gomock.Call                                                 = (*kafkamock.MockClientMockRecorder).RefreshCoordinator
	_ func(recv *kafkamock.MockClientMockRecorder, arg0 ...interface{}) *gomock.Call                                              = (*kafkamock.MockClientMockRecorder).RefreshMetadata
	_ func(recv *kafkamock.MockClientMockRecorder, arg0, arg1 interface{}) *gomock.Call                                           = (*kafkamock.MockClientMockRecorder).Replicas
	_ func(recv *kafkamock.MockClientMockRecorder) *gomock.Call                                                                   = (*kafkamock.MockClientMockRecorder).Topics
	_ func(recv *kafkamock.MockClientMockRecorder, arg0 interface{}) *gomock.Call                                                 = (*kafkamock.MockClientMockRecorder).WritablePartitions
	_ func(recv *kafkamock.MockConsumerGroup) error                                                                               = (*kafkamock.MockConsumerGroup).Close
	_ func(recv *kafkamock.MockConsumerGroup, ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error    = (*kafkamock.MockConsumerGroup).Consume
	_ func(recv *kafkamock.MockConsumerGroup) <-chan error                                                                        = (*kafkamock.MockConsumerGroup).Errors
	_ func(recv *kafkamock.MockConsumerGroup, err error)                                                                          = (*kafkamock.MockConsumerGroup).FailOnConsume
	_ func(recv *kafkamock.MockConsumerGroup, err error)                                                                          = (*kafkamock.MockConsumerGroup).SendError
	_ func(recv *kafkamock.MockConsumerGroup, message *sarama.ConsumerMessage) <-chan struct{}                                    = (*kafkamock.MockConsumerGroup).SendMessage
	_ func(recv *kafkamock.MockConsumerGroup, message *sarama.ConsumerMessage)                                                    = (*kafkamock.MockConsumerGroup).SendMessageWait
	_ func(recv *kafkamock.MockConsumerGroupClaim) int64                                                                          = (*kafkamock.MockConsumerGroupClaim).HighWaterMarkOffset
	_ func(recv *kafkamock.MockConsumerGroupClaim) int64                                                                          = (*kafkamock.MockConsumerGroupClaim).InitialOffset
	_ func(recv *kafkamock.MockConsumerGroupClaim) <-chan *sarama.ConsumerMessage                                                 = (*kafkamock.MockConsumerGroupClaim).Messages
	_ func(recv *kafkamock.MockConsumerGroupClaim) int32                                                                          = (*kafkamock.MockConsumerGroupClaim).Partition
	_ func(recv *kafkamock.MockConsumerGroupClaim) string                                                                         = (*kafkamock.MockConsumerGroupClaim).Topic
	_ func(recv *kafkamock.MockConsumerGroupSession) map[string][]int32                                                           = (*kafkamock.MockConsumerGroupSession).Claims
	_ func(recv *kafkamock.MockConsumerGroupSession)                                                                              = (*kafkamock.MockConsumerGroupSession).Commit
	_ func(recv *kafkamock.MockConsumerGroupSession) context.Context                                                              = (*kafkamock.MockConsumerGroupSession).Context
	_ func(recv *kafkamock.MockConsumerGroupSession) int32                                                                        = (*kafkamock.MockConsumerGroupSession).GenerationID
	_ func(recv *kafkamock.MockConsumerGroupSession, msg *sarama.ConsumerMessage, metadata string)                                = (*kafkamock.MockConsumerGroupSession).MarkMessage
	_ func(recv *kafkamock.MockConsumerGroupSession, topic string, partition int32, offset int64, metadata string)                = (*kafkamock.MockConsumerGroupSession).MarkOffset
	_ func(recv *kafkamock.MockConsumerGroupSession) string                                                                       = (*kafkamock.MockConsumerGroupSession).MemberID
	_ func(recv *kafkamock.MockConsumerGroupSession, topic string, partition int32, offset int64, metadata string)                = (*kafkamock.MockConsumerGroupSession).ResetOffset
	_ func(recv *kafkamock.MockConsumerGroupSession, msg *sarama.ConsumerMessage)                                                 = (*kafkamock.MockConsumerGroupSession).SendMessage
	_ func(recv *kafkamock.MockProducer) error                                                                                    = (*kafkamock.MockProducer).Close
	_ func(recv *kafkamock.MockProducer) *kafkamock.MockProducerMockRecorder                                                      = (*kafkamock.MockProducer).EXPECT
	_ func(recv *kafkamock.MockProducer, arg0, arg1 string, arg2 []byte) *goka.Promise                                            = (*kafkamock.MockProducer).Emit
	_ func(recv *kafkamock.MockProducerMockRecorder) *gomock.Call                                                                 = (*kafkamock.MockProducerMockRecorder).Close
	_ func(recv *kafkamock.MockProducerMockRecorder, arg0, arg1, arg2 interface{}) *gomock.Call                                   = (*kafkamock.MockProducerMockRecorder).Emit
	_ func(recv *kafkamock.MockProducerMockRecorder, arg0, arg1, arg2, arg3 interface{}) *gomock.Call                             = (*kafkamock.MockProducerMockRecorder).EmitWithHeaders
	_ func(recv *kafkamock.MockStorage) error                                                                                     = (*kafkamock.MockStorage).Close
	_ func(recv *kafkamock.MockStorage, arg0 string) error                                                                        = (*kafkamock.MockStorage).Delete
	_ func(recv *kafkamock.MockStorage) *kafkamock.MockStorageMockRecorder                                                        = (*kafkamock.MockStorage).EXPECT
	_ func(recv *kafkamock.MockStorage, arg0 string) ([]byte, error)                                                              = (*kafkamock.MockStorage).Get
	_ func(recv *kafkamock.MockStorage, arg0 int64) (int64, error)                                                                = (*kafkamock.MockStorage).GetOffset
	_ func(recv *kafkamock.MockStorage, arg0 string) (bool, error)                                                                = (*kafkamock.MockStorage).Has
	_ func(recv *kafkamock.MockStorage) (storage.Iterator, error)                                                                 = (*kafkamock.MockStorage).Iterator
	_ func(recv *kafkamock.MockStorage, arg0, arg1 []byte) (storage.Iterator, error)                                              = (*kafkamock.MockStorage).IteratorWithRange
	_ func(recv *kafkamock.MockStorage) error                                                                                     = (*kafkamock.MockStorage).MarkRecovered
	_ func(recv *kafkamock.MockStorage) error                                                                                     = (*kafkamock.MockStorage).Open
	_ func(recv *kafkamock.MockStorage) bool                                                                                      = (*kafkamock.MockStorage).Recovered
	_ func(recv *kafkamock.MockStorage, arg0 string, arg1 []byte) error                                                           = (*kafkamock.MockStorage).Set
	_ func(recv *kafkamock.MockStorage, arg0 int64) error                                                                         = (*kafkamock.MockStorage).SetOffset
	_ func(recv *kafkamock.MockStorageMockRecorder) *gomock.Call                                                                  = (*kafkamock.MockStorageMockRecorder).Close
	_ func(recv *kafkamock.MockStorageMockRecorder, arg0 interface{}) *gomock.Call                                                = (*kafkamock.MockStorageMockRecorder).Delete
	_ func(recv *kafkamock.MockStorageMockRecorder, arg0 interface{}) *gomock.Call                                                = (*kafkamock.MockStorageMockRecorder).Get
	_ func(recv *kafkamock.MockStorageMockRecorder, arg0 interface{}) *gomock.Call                                                = (*kafkamock.MockStorageMockRecorder).GetOffset
	_ func(recv *kafkamock.MockStorageMockRecorder, arg0 interface{}) *gomock.Call                                                = (*kafkamock.MockStorageMockRecorder).Has
	_ func(recv *kafkamock.MockStorageMockRecorder) *gomock.Call                                                                  = (*kafkamock.MockStorageMockRecorder).Iterator
	_ func(recv *kafkamock.MockStorageMockRecorder, arg0, arg1 interface{}) *gomock.Call                                          = (*kafkamock.MockStorageMockRecorder).IteratorWithRange
	_ func(recv *kafkamock.MockStorageMockRecorder) *gomock.Call                                                                  = (*kafkamock.MockStorageMockRecorder).MarkRecovered
	_ func(recv *kafkamock.MockStorageMockRecorder) *gomock.Call                                                                  = (*kafkamock.MockStorageMockRecorder).Open
	_ func(recv *kafkamock.MockStorageMockRecorder) *gomock.Call                                                                  = (*kafkamock.MockStorageMockRecorder).Recovered
	_ func(recv *kafkamock.MockStorageMockRecorder, arg0, arg1 interface{}) *gomock.Call                                          = (*kafkamock.MockStorageMockRecorder).Set
	_ func(recv *kafkamock.MockStorageMockRecorder, arg0 interface{}) *gomock.Call                                                = (*kafkamock.MockStorageMockRecorder).SetOffset
	_ func(recv *kafkamock.MockTopicManager) error                                                                                = (*kafkamock.MockTopicManager).Close
	_ func(recv *kafkamock.MockTopicManager) *kafkamock.MockTopicManagerMockRecorder                                              = (*kafkamock.MockTopicManager).EXPECT
	_ func(recv *kafkamock.MockTopicManager, arg0 string, arg1 int) error                                                         = (*kafkamock.MockTopicManager).EnsureStreamExists
	_ func(recv *kafkamock.MockTopicManager, arg0 string, arg1 int) error                                                         = (*kafkamock.MockTopicManager).EnsureTableExists
	_ func(recv *kafkamock.MockTopicManager, arg0 string, arg1, arg2 int, arg3 map[string]string) error                           = (*kafkamock.MockTopicManager).EnsureTopicExists
	_ func(recv *kafkamock.MockTopicManager, arg0 string, arg1 int32, arg2 int64) (int64, error)                                  = (*kafkamock.MockTopicManager).GetOffset
	_ func(recv *kafkamock.MockTopicManager, arg0 string) ([]int32, error)                                                        = (*kafkamock.MockTopicManager).Partitions
	_ func(recv *kafkamock.MockTopicManagerMockRecorder) *gomock.Call                                                             = (*kafkamock.MockTopicManagerMockRecorder).Close
	_ func(recv *kafkamock.MockTopicManagerMockRecorder, arg0, arg1 interface{}) *gomock.Call                                     = (*kafkamock.MockTopicManagerMockRecorder).EnsureStreamExists
	_ func(recv *kafkamock.MockTopicManagerMockRecorder, arg0, arg1 interface{}) *gomock.Call                                     = (*kafkamock.MockTopicManagerMockRecorder).EnsureTableExists
	_ func(recv *kafkamock.MockTopicManagerMockRecorder, arg0, arg1, arg2, arg3 interface{}) *gomock.Call                         = (*kafkamock.MockTopicManagerMockRecorder).EnsureTopicExists
	_ func(recv *kafkamock.MockTopicManagerMockRecorder, arg0, arg1, arg2 interface{}) *gomock.Call                               = (*kafkamock.MockTopicManagerMockRecorder).GetOffset
	_ func(recv *kafkamock.MockTopicManagerMockRecorder, arg0 interface{}) *gomock.Call                                           = (*kafkamock.MockTopicManagerMockRecorder).Partitions
	_ func(brokers []string, topic goka.Stream, codec goka.Codec, options ...goka.EmitterOption) (*goka.Emitter, error)           = goka.NewEmitter
	_ func(t *testing.T, config *sarama.Config) *kafkamock.MockAutoConsumer                                                       = kafkamock.NewMockAutoConsumer
	_ func(ctrl *gomock.Controller) *kafkamock.MockBroker                                                                         = kafkamock.NewMockBroker
	_ func(ctrl *gomock.Controller) *kafkamock.MockClient                                                                         = kafkamock.NewMockClient
	_ func(t *testing.T) *kafkamock.MockConsumerGroup                                                                             = kafkamock.NewMockConsumerGroup
	_ func(topic string, partition int32) *kafkamock.MockConsumerGroupClaim                                                       = kafkamock.NewMockConsumerGroupClaim
	_ func(t gomock.TestReporter) *gomock.Controller                                                                              = kafkamock.NewMockController
	_ func(ctrl *gomock.Controller) *kafkamock.MockProducer                                                                       = kafkamock.NewMockProducer
	_ func(ctrl *gomock.Controller) *kafkamock.MockStorage                                                                        = kafkamock.NewMockStorage
	_ func(ctrl *gomock.Controller) *kafkamock.MockTopicManager                                                                   = kafkamock.NewMockTopicManager
	_ func(brokers []string, gg *goka.GroupGraph, options ...goka.ProcessorOption) (*goka.Processor, error)                       = goka.NewProcessor
	_ func(brokers []string, saramaConfig *sarama.Config, topicManagerConfig *goka.TopicManagerConfig) (goka.TopicManager, error) = goka.NewTopicManager
	_ func() *goka.TopicManagerConfig                                                                                             = goka.NewTopicManagerConfig
	_ func(topic goka.Stream, c goka.Codec) goka.Edge                                                                             = goka.Output
	_ func(recv *goka.PartitionProcessor, msg *sarama.ConsumerMessage)                                                            = (*goka.PartitionProcessor).EnqueueMessage
	_ func(recv *goka.PartitionProcessor) <-chan error                                                                            = (*goka.PartitionProcessor).Errors
	_ func(recv *goka.PartitionProcessor) bool                                                                                    = (*goka.PartitionProcessor).Recovered
	_ func(recv *goka.PartitionProcessor, ctx context.Context) error                                                              = (*goka.PartitionProcessor).Setup
	_ func(recv *goka.PartitionProcessor) error                                                                                   = (*goka.PartitionProcessor).Stop
	_ func(recv *goka.PartitionTable, ctx context.Context, restartOnError bool) error                                             = (*goka.PartitionTable).CatchupForever
	_ func(recv *goka.PartitionTable) error                                                                                       = (*goka.PartitionTable).Close
	_ func(recv *goka.PartitionTable) goka.PartitionStatus                                                                        = (*goka.PartitionTable).CurrentState
	_ func(recv *goka.PartitionTable, key string) error                                                                           = (*goka.PartitionTable).Delete
	_ func(recv *goka.PartitionTable, key string) ([]byte, error)                                                                 = (*goka.PartitionTable).Get
	_ func(recv *goka.PartitionTable, defValue int64) (int64, error)                                                              = (*goka.PartitionTable).GetOffset
	_ func(recv *goka.PartitionTable, key string) (bool, error)                                                                   = (*goka.PartitionTable).Has
	_ func(recv *goka.PartitionTable) bool                                                                                        = (*goka.PartitionTable).IsRecovered
	_ func(recv *goka.PartitionTable, ctx context.Context)                                                                        = (*goka.PartitionTable).RunStatsLoop
	_ func(recv *goka.PartitionTable, key string, value []byte) error                                                             = (*goka.PartitionTable).Set
	_ func(recv *goka.PartitionTable, value int64) error                                                                          = (*goka.PartitionTable).SetOffset
	_ func(recv *goka.PartitionTable, ctx context.Context, restartOnError bool) error                                             = (*goka.PartitionTable).SetupAndRecover
	_ func(recv *goka.PartitionTable, ctx context.Context, length int)                                                            = (*goka.PartitionTable).TrackMessageWrite
	_ func(c goka.Codec) goka.Edge                                                                                                = goka.Persist
	_ func(recv *goka.Processor, session sarama.ConsumerGroupSession) error                                                       = (*goka.Processor).Cleanup
	_ func(recv *goka.Processor, session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error                      = (*goka.Processor).ConsumeClaim
	_ func(recv *goka.Processor, key string) (interface{}, error)                                                                 = (*goka.Processor).Get
	_ func(recv *goka.Processor) *goka.GroupGraph                                                                                 = (*goka.Processor).Graph
	_ func(recv *goka.Processor) bool                                                                                             = (*goka.Processor).Recovered
	_ func(recv *goka.Processor, ctx context.Context) (rerr error)                                                                = (*goka.Processor).Run
	_ func(recv *goka.Processor, session sarama.ConsumerGroupSession) error                                                       = (*goka.Processor).Setup
	_ func(recv *goka.Processor) *goka.ProcessorStats                                                                             = (*goka.Processor).Stats
	_ func(recv *goka.Processor, ctx context.Context) *goka.ProcessorStats                                                        = (*goka.Processor).StatsWithContext
	_ func(recv *goka.Processor)                                                                                                  = (*goka.Processor).Stop
	_ func(config *sarama.Config) goka.ProducerBuilder                                                                            = goka.ProducerBuilderWithConfig
	_ func(recv *goka.Promise, msg *sarama.ProducerMessage, err error) *goka.Promise                                              = (*goka.Promise).Finish
	_ func(recv *goka.Promise, callback func(msg *sarama.ProducerMessage, err error)) *goka.Promise                               = (*goka.Promise).ThenWithMessage
	_ func(config *sarama.Config)                                                                                                 = goka.ReplaceGlobalConfig
	_ func(config *sarama.Config) goka.SaramaConsumerBuilder                                                                      = goka.SaramaConsumerBuilderWithConfig
	_ func(recv *goka.Signal) *goka.StateChangeObserver                                                                           = (*goka.Signal).ObserveStateChange
	_ func(recv *goka.StateChangeObserver) <-chan goka.State                                                                      = (*goka.StateChangeObserver).C
	_ func(recv *goka.StateChangeObserver)                                                                                        = (*goka.StateChangeObserver).Stop
	_ func(config *sarama.Config, tmConfig *goka.TopicManagerConfig) goka.TopicManagerBuilder                                     = goka.TopicManagerBuilderWithConfig
	_ func(tmConfig *goka.TopicManagerConfig) goka.TopicManagerBuilder                                                            = goka.TopicManagerBuilderWithTopicManagerConfig
	_ func(recv *goka.View) goka.ViewState                                                                                        = (*goka.View).CurrentState
	_ func(recv *goka.View, key string) error                                                                                     = (*goka.View).Evict
	_ func(recv *goka.View, key string) (interface{}, error)                                                                      = (*goka.View).Get
	_ func(recv *goka.View, key string) (bool, error)                                                                             = (*goka.View).Has
	_ func(recv *goka.View) (goka.Iterator, error)                                                                                = (*goka.View).Iterator
	_ func(recv *goka.View, start, limit string) (goka.Iterator, error)                                                           = (*goka.View).IteratorWithRange
	_ func(recv *goka.View) *goka.StateChangeObserver                                                                             = (*goka.View).ObserveStateChanges
	_ func(recv *goka.View) bool                                                                                                  = (*goka.View).Recovered
	_ func(recv *goka.View, ctx context.Context) (rerr error)                                                                     = (*goka.View).Run
	_ func(recv *goka.View, ctx context.Context) *goka.ViewStats                                                                  = (*goka.View).Stats
	_ func(recv *goka.View) string                                                                                                = (*goka.View).Topic
	_ func(recv *goka.View) <-chan struct{}                                                                                       = (*goka.View).WaitRunning
	_ func(bb goka.BackoffBuilder) goka.ProcessorOption                                                                           = goka.WithBackoffBuilder
	_ func(duration time.Duration) goka.ProcessorOption                                                                           = goka.WithBackoffResetTimeout
	_ func(clientID string) goka.ProcessorOption                                                                                  = goka.WithClientID
	_ func(cgb goka.ConsumerGroupBuilder) goka.ProcessorOption                                                                    = goka.WithConsumerGroupBuilder
	_ func(cgb goka.SaramaConsumerBuilder) goka.ProcessorOption                                                                   = goka.WithConsumerSaramaBuilder
	_ func(clientID string) goka.EmitterOption                                                                                    = goka.WithEmitterClientID
	_ func(hasher func() hash.Hash32) goka.EmitterOption                                                                          = goka.WithEmitterHasher
	_ func(log logger.Logger) goka.EmitterOption                                                                                  = goka.WithEmitterLogger
	_ func(pb goka.ProducerBuilder) goka.EmitterOption                                                                            = goka.WithEmitterProducerBuilder
	_ func(t goka.Tester) goka.EmitterOption                                                                                      = goka.WithEmitterTester
	_ func(tmb goka.TopicManagerBuilder) goka.EmitterOption                                                                       = goka.WithEmitterTopicManagerBuilder
	_ func(hook func(gg *goka.GroupGraph)) goka.ProcessorOption                                                                   = goka.WithGroupGraphHook
	_ func(hasher func() hash.Hash32) goka.ProcessorOption                                                                        = goka.WithHasher
	_ func(log logger.Logger) goka.ProcessorOption                                                                                = goka.WithLogger
	_ func(nh goka.NilHandling) goka.ProcessorOption                                                                              = goka.WithNilHandling
	_ func(size int) goka.ProcessorOption                                                                                         = goka.WithPartitionChannelSize
	_ func(pb goka.ProducerBuilder) goka.ProcessorOption                                                                          = goka.WithProducerBuilder
	_ func(cb goka.RebalanceCallback) goka.ProcessorOption                                                                        = goka.WithRebalanceCallback
	_ func(sb storage.Builder) goka.ProcessorOption                                                                               = goka.WithStorageBuilder
	_ func(t goka.Tester) goka.ProcessorOption                                                                                    = goka.WithTester
	_ func(tmb goka.TopicManagerBuilder) goka.ProcessorOption                                                                     = goka.WithTopicManagerBuilder
	_ func(cb goka.UpdateCallback) goka.ProcessorOption                                                                           = goka.WithUpdateCallback
	_ func() goka.ViewOption                                                                                                      = goka.WithViewAutoReconnect
	_ func(bb goka.BackoffBuilder) goka.ViewOption                                                                                = goka.WithViewBackoffBuilder
	_ func(duration time.Duration) goka.ViewOption                                                                                = goka.WithViewBackoffResetTimeout
	_ func(cb goka.UpdateCallback) goka.ViewOption                                                                                = goka.WithViewCallback
	_ func(clientID string) goka.ViewOption                                                                                       = goka.WithViewClientID
	_ func(cgb goka.SaramaConsumerBuilder) goka.ViewOption                                                                        = goka.WithViewConsumerSaramaBuilder
	_ func(hasher func() hash.Hash32) goka.ViewOption                                                                             = goka.WithViewHasher
	_ func(log logger.Logger) goka.ViewOption                                                                                     = goka.WithViewLogger
	_ func() goka.ViewOption                                                                                                      = goka.WithViewRestartable
	_ func(sb storage.Builder) goka.ViewOption                                                                                    = goka.WithViewStorageBuilder
	_ func(t goka.Tester) goka.ViewOption                                                                                         = goka.WithViewTester
	_ func(tmb goka.TopicManagerBuilder) goka.ViewOption                                                                          = goka.WithViewTopicManagerBuilder
)

// Types.
var (
	_ *goka.Assignment
	_ *goka.Backoff
	_ *goka.BackoffBuilder
	_ *goka.Broker
	_ *goka.Codec
	_ *goka.ConsumerGroupBuilder
	_ *goka.Context
	_ *goka.Edge
	_ *goka.Edges
	_ *goka.Emitter
	_ *goka.EmitterOption
	_ *goka.Getter
	_ *goka.Group
	_ *goka.GroupGraph
	_ *goka.InputStats
	_ *goka.Iterator
	_ *kafkamock.MockAutoConsumer
	_ *kafkamock.MockAutoPartitionConsumer
	_ *kafkamock.MockBroker
	_ *kafkamock.MockBrokerMockRecorder
	_ *kafkamock.MockClient
	_ *kafkamock.MockClientMockRecorder
	_ *kafkamock.MockConsumerGroup
	_ *kafkamock.MockConsumerGroupClaim
	_ *kafkamock.MockConsumerGroupSession
	_ *kafkamock.MockProducer
	_ *kafkamock.MockProducerMockRecorder
	_ *kafkamock.MockStorage
	_ *kafkamock.MockStorageMockRecorder
	_ *kafkamock.MockTopicManager
	_ *kafkamock.MockTopicManagerMockRecorder
	_ *goka.NilHandling
	_ *goka.OutputStats
	_ *goka.PartitionProcStats
	_ *goka.PartitionProcessor
	_ *goka.PartitionStatus
	_ *goka.PartitionTable
	_ *goka.ProcessCallback
	_ *goka.Processor
	_ *goka.ProcessorOption
	_ *goka.ProcessorStats
	_ *goka.Producer
	_ *goka.ProducerBuilder
	_ *goka.Promise
	_ *goka.RebalanceCallback
	_ *goka.RecoveryStats
	_ *goka.SaramaConsumerBuilder
	_ *goka.Signal
	_ *goka.State
	_ *goka.StateChangeObserver
	_ *goka.Stream
	_ *goka.Streams
	_ *goka.Table
	_ *goka.TableStats
	_ *goka.Tester
	_ *goka.TopicManager
	_ *goka.TopicManagerBuilder
	_ *goka.TopicManagerConfig
	_ *goka.UpdateCallback
	_ *goka.View
	_ *goka.ViewOption
	_ *goka.ViewState
	_ *goka.ViewStats
)

// Constants, variables and fields.
var (
	_ sarama.BalanceStrategy = goka.CopartitioningStrategy
	_ error                  = goka.ErrEmitterAlreadyClosed

	_ = []goka.NilHandling{goka.NilIgnore, goka.NilProcess, goka.NilDecode}
	_ = []goka.PartitionStatus{
		goka.PartitionStopped, goka.PartitionInitializing, goka.PartitionConnecting,
		goka.PartitionRecovering, goka.PartitionPreparing, goka.PartitionRunning,
	}
	_ = []goka.State{
		goka.PPStateIdle, goka.PPStateRecovering, goka.PPStateRunning, goka.PPStateStopping,
		goka.ProcStateIdle, goka.ProcStateStarting, goka.ProcStateSetup, goka.ProcStateRunning, goka.ProcStateStopping,
	}
	_ = []goka.ViewState{
		goka.ViewStateIdle, goka.ViewStateInitializing, goka.ViewStateConnecting,
		goka.ViewStateCatchUp, goka.ViewStateRunning,
	}

	_ = goka.InputStats{Count: uint(0), Bytes: int(0), OffsetLag: int64(0), LastOffset: int64(0), Delay: time.Duration(0)}
	_ = goka.OutputStats{Count: uint(0), Bytes: int(0)}
	_ = goka.TableStats{
		Stalled: false, Status: goka.PartitionRunning, Recovery: (*goka.RecoveryStats)(nil),
		Input: (*goka.InputStats)(nil), Writes: (*goka.OutputStats)(nil),
	}
	_ = goka.RecoveryStats{StartTime: time.Time{}, RecoveryTime: time.Time{}, Offset: int64(0)}
	_ = goka.PartitionProcStats{
		Now: time.Time{}, TableStats: (*goka.TableStats)(nil),
		Joined: map[string]*goka.TableStats{}, Input: map[string]*goka.InputStats{}, Output: map[string]*goka.OutputStats{},
	}
	_ = goka.ProcessorStats{Group: map[int32]*goka.PartitionProcStats{}, Lookup: map[string]*goka.ViewStats{}}
	_ = goka.ViewStats{Partitions: map[int32]*goka.TableStats{}}

	_ goka.ProcessCallback                                                                      = func(goka.Context, interface{}) {}
	_ goka.RebalanceCallback                                                                    = func(goka.Assignment) {}
	_ func(s storage.Storage, partition int32, key string, value []byte) error                  = goka.UpdateCallback(nil)
	_ func(brokers []string, clientID string, hasher func() hash.Hash32) (goka.Producer, error) = goka.ProducerBuilder(nil)
	_ func(brokers []string, group, clientID string) (sarama.ConsumerGroup, error)              = goka.ConsumerGroupBuilder(nil)
	_ func(brokers []string, clientID string) (sarama.Consumer, error)                          = goka.SaramaConsumerBuilder(nil)
	_ func(brokers []string) (goka.TopicManager, error)                                         = goka.TopicManagerBuilder(nil)
)

func TestShapes(t *testing.T) {
	var (
		_ = context.Background
		_ = errors.New
		_ gomock.TestReporter
	)
	tmc := goka.NewTopicManagerConfig()
	tmc.Table.Replication, tmc.Stream.Replication, tmc.Stream.Retention = 1, 1, time.Hour
	_ = goka.Streams{goka.Stream("a")}
	_ = goka.Assignment{0: 0}
	_ = func(p *goka.Processor) { p.WaitForReady() }
	_ = func(p *goka.PartitionTable) <-chan struct{} { return p.WaitRecovered() }
	_ = func(c goka.Context) {
		var (
			_ goka.Stream       = c.Topic()
			_ string            = c.Key()
			_ int32             = c.Partition()
			_ int64             = c.Offset()
			_ interface{}       = c.Value()
			_ map[string][]byte = c.Headers()
			_ time.Time         = c.Timestamp()
			_ interface{}       = c.Join(goka.Table("t"))
			_ interface{}       = c.Lookup(goka.Table("t"), "k")
			_ context.Context   = c.Context()
		)
		c.SetValue(1)
		c.Delete()
		c.Emit(goka.Stream("s"), "k", "v")
		c.Loopback("k", "v")
		c.Fail(errors.New("x"))
	}
	_ = func(tt goka.Tester) {
		var (
			_ storage.Builder            = tt.StorageBuilder()
			_ goka.ProducerBuilder       = tt.ProducerBuilder()
			_ goka.ConsumerGroupBuilder  = tt.ConsumerGroupBuilder()
			_ goka.SaramaConsumerBuilder = tt.ConsumerBuilder()
			_ goka.ProducerBuilder       = tt.EmitterProducerBuilder()
			_ goka.TopicManagerBuilder   = tt.TopicManagerBuilder()
			_ string                     = tt.RegisterGroupGraph(nil)
			_ string                     = tt.RegisterView("t", nil)
		)
		tt.RegisterEmitter("s", nil)
	}
	_ = func(it goka.Iterator) {
		var (
			_ bool   = it.Next()
			_ error  = it.Err()
			_ string = it.Key()
			_ bool   = it.Seek("k")
		)
		_, _ = it.Value()
		it.Release()
	}
	_ = func(tm goka.TopicManager) {
		_ = tm.EnsureTableExists("t", 1)
		_ = tm.EnsureStreamExists("t", 1)
		_ = tm.EnsureTopicExists("t", 1, 1, map[string]string{})
		_, _ = tm.Partitions("t")
		_, _ = tm.GetOffset("t", 0, -1)
		_ = tm.Close()
	}
	_ = func(p *kafkamock.MockProducer) { _ = p.EmitWithHeaders("t", "k", nil, map[string][]byte{}) }
	_ = func(e *goka.Emitter) {
		_, _ = e.EmitWithHeaders("k", 1, map[string][]byte{})
		_ = e.EmitSyncWithHeaders("k", 1, map[string][]byte{})
	}
	_ = func(p goka.Producer) {
		_ = p.Emit("t", "k", nil)
		_ = p.EmitWithHeaders("t", "k", nil, map[string][]byte{})
		_ = p.Close()
	}
}
