package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/image"
)

// writeUsages lists every image, container and entry of the cache of builds with what it takes.
func writeUsages(a *app, images image.Usage, containers []containerUsage, cache []build.Entry, now time.Time) error {
	fmt.Fprint(a.Out, "Images space usage:\n\n")
	if err := report.Table(a.Out, imageUsageRows(images, now), a.style()); err != nil {
		return err
	}
	fmt.Fprint(a.Out, "\nContainers space usage:\n\n")
	rows := [][]string{{"CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES"}}
	for _, c := range containers {
		rows = append(rows, []string{
			image.ShortID(c.Config.ID), c.Config.Image.Name, shortened(strings.Join(c.Config.Process.Argv(), " "), 17, "..."), "0",
			report.Size(c.size), report.Duration(c.Config.Created, now), string(c.State.Status), c.Config.Name,
		})
	}
	if err := report.Table(a.Out, rows, a.style()); err != nil {
		return err
	}
	fmt.Fprint(a.Out, "\nLocal Volumes space usage:\n\n")
	if err := report.Table(a.Out, [][]string{{"VOLUME NAME", "LINKS", "SIZE"}}, a.style()); err != nil {
		return err
	}
	fmt.Fprint(a.Out, "\nBuild cache usage:\n\n")
	rows = [][]string{{"CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "SHARED"}}
	for _, e := range cache {
		rows = append(rows, []string{
			image.ShortID(e.ID), string(e.Kind), report.Size(e.Size), report.Duration(e.Created, now), report.Duration(e.Used, now), strconv.FormatBool(e.Shared),
		})
	}
	return report.Table(a.Out, rows, a.style())
}

func imageUsageRows(images image.Usage, now time.Time) [][]string {
	rows := [][]string{{"REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"}}
	for _, i := range images.Images {
		repository, tag := none, none
		if len(i.Names) > 0 {
			if n, err := image.ParseName(i.Names[0]); err == nil {
				repository, tag = n.Repository(), n.Tag
			}
		}
		rows = append(rows, []string{
			repository, tag, image.ShortID(i.ID), report.Duration(i.Created, now), report.Size(i.Shared + i.Unique),
			report.Size(i.Shared), report.Size(i.Unique), strconv.Itoa(i.Listed.Containers),
		})
	}
	return rows
}
