// Package fault says which operation of a cluster fails, how and when: plans that are text, are read and printed, and
// injected by counting.
//
// A [Plan] is a list of faults, each a line in the language of package script. It fails requests, or acts at a time:
//
//	on produce topic=clicks partition=1 nth=3: drop-response
//	on fetch broker=2 from=10s until=40s probability=0.1: delay-response for=50ms up-to=2s
//	on join-group group=counts nth=2 name=moved: move-coordinator, error NOT_COORDINATOR
//	on any client=app-1 times=5: disconnect
//	at 30s every=1m times=3: stop-broker broker=2 for=10s
//	at 1h: jump-clock by=-5s
//
// # Faults of requests
//
// After "on" come operations, by the names of Kafka's requests in lower case with dashes, or any. Selectors narrow them
// down; one that is given several times passes any of its values:
//
//	topic= partition= group= transactional-id=   what the request is about
//	client= broker=                              who sent it, and to which broker
//	from= until=                                 when it came, from the start of the run; until is not included
//	nth= every=                                  which of those that passed so far, counted from 1
//	probability=                                 over 0 and up to 1; the seed of the run decides
//	times=                                       how often at most
//	name=                                        what the fault is called in counts; its own text unless given
//
// The counts for nth and every are of requests that pass the selectors above them. What follows the colon is done in one
// injection:
//
//	error CODE [after-effect]          answer with an error of Kafka's, without the effect of the request, or with it
//	drop-request                       the request never arrives, and is never answered
//	drop-response                      it has its effect, and is never answered
//	delay-request for= [up-to=]        it arrives later: after for, or anything up to the second
//	delay-response for= [up-to=]       it has its effect, and is answered later
//	duplicate [times=1]                it arrives so many times more; the first answer counts
//	hold-response [behind=1]           its answer waits until so many later ones of its connection have left
//	disconnect [after-effect]          its connection is closed, without its effect, or with it
//
// and what can also be done at a time, where nothing can be left to the request:
//
//	move-coordinator [group= | transactional-id=] [to=]   the coordinator of the request's group or transactional id moves
//	move-leader [topic= partition=] [to=]                 the leader of the request's partitions moves
//	stop-broker [broker=] [for=]                          the request's broker dies, and comes back after for if given
//	start-broker broker=
//	slow-broker [broker=] by= [for=]                      each of its answers takes so much longer; 0s ends that
//	jump-clock by= [broker=]                              the clock of the cluster, or one broker, jumps: by=-5s goes back
//
// Without to, the cluster chooses another broker than the one so far.
//
// # Faults at a time
//
// After "at" comes a time from the start of the run. every= repeats it, until= ends that, times= says how often it happens
// in all, and name= is as above.
//
// # How a shell uses it
//
// A shell reads a plan by [Parse] and starts it by [Plan.Start], with the seed of the run. For each request it calls
// [Injector.Match] before anything else, once, and gets the injections due for it, most often none. [Decide] sums them up
// as a [Verdict], which tells in the order of a request's life what to do with it: the shell
//
//  1. carries out Verdict.Cluster on the cluster, as it is before the request;
//  2. lets the request go on after Verdict.DelayRequest, unless it is dropped or its connection closed before it arrives;
//  3. answers with the errors of Verdict.Before for the partitions that they name (nil for the whole request) and applies
//     the rest of the request, Verdict.Duplicates times more than once;
//  4. replaces answers by the errors of Verdict.After;
//  5. drops the answer, closes the connection, or sends the answer after Verdict.DelayResponse and behind
//     Verdict.HoldBehind others. An answer for which too few others come within the request's time-out is lost: its client
//     has given up.
//
// Partitions that a request names by topic id are given to Match by the topic's name; those of a request that names whole
// topics (metadata, create-topics) have the number [WholeTopic].
//
// For faults at a time it keeps a timer at [Injector.Next], and carries out what [Injector.Due] returns, all of it actions
// on the cluster. JumpClock concerns timestamps and time-outs that brokers keep, not the clock by which plans are timed:
// shells pass the undisturbed time to Match and Due.
//
// [Injector.Counts] tells how often each fault was seen and injected, so that a test can assert that it was:
// [Injector.Missed] names those that never were.
package fault
