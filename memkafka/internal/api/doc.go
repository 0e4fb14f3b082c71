// Package api answers Kafka's requests on a simulated cluster: one file for each API key, which says what versions it
// serves and which KIPs it follows. A request becomes a command on the cluster, through the seam, and what the cluster
// says becomes the response. Frames and connections are not known here.
package api
