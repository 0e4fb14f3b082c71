package connect

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
)

// hurry is how long a shell waits for the names of topics.
const hurry = 2 * time.Second

// CompleteTopics completes a word of the command line to topics of the cluster that it names so far.
func (f *Flags) CompleteTopics(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	config, err := f.Read()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp // a cluster that is not named yet has no topics
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), hurry)
	defer cancel()
	client, err := config.Client(ctx, hurry)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return topics.Names(), cobra.ShellCompDirectiveNoFileComp
}
