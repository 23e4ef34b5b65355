package main

import "strings"

// commandLeftOut are commands of podman and docker that there are not, each with the reason and with what to do instead.
func commandLeftOut(path string) (why, hinted string) {
	first, _, _ := strings.Cut(path, " ")
	switch path {
	case "builder dial-stdio", "buildx dial-stdio":
		return "there is no daemon to be connected with", ""
	case "builder history", "buildx history":
		return "finished builds are not recorded", "--metadata-file writes what a build has made, --logfile and --progress rawjson what it did"
	case "builder debug", "buildx debug", "builder dap", "buildx dap":
		return "a build cannot be stopped on its way", "build --target STAGE, then run the image with a shell"
	case "builder policy", "buildx policy", "builder replay", "buildx replay":
		return "there are no policies for the sources of builds", ""
	}
	if first == "farm" {
		return "pod builds where it runs, not on other machines", "build --platform linux/amd64,linux/arm64 builds for several kinds of machine, build --manifest LIST joins builds"
	}
	return "", ""
}
