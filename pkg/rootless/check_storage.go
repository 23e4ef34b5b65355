package rootless

import "fmt"

func (f Facts) checkOverlay(p ProbeResult) Finding {
	const check = "native overlay"
	const fix = "use a data directory on a local ext4, xfs or btrfs file system (XDG_DATA_HOME), or fuse-overlayfs"
	switch {
	case p.Ran != nil:
		return Finding{check, Warning, "not tried: " + p.Ran.Error(), "make the data directory writable, or set XDG_DATA_HOME"}
	case !p.made():
		return Finding{check, Warning, "not tried: no user namespace", "see user namespaces"}
	case p.Step == 'o':
		return Finding{check, Warning, fmt.Sprintf("mounting one in %s does not work: %s", f.DataDir, p.Err), fix}
	case p.Step == 'c':
		return Finding{check, Warning, fmt.Sprintf("changing a file of a lower layer in %s does not work: %s", f.DataDir, p.Err), fix}
	case p.Step == 'd':
		return Finding{check, Warning, fmt.Sprintf("removing a file of a lower layer in %s does not work: %s", f.DataDir, p.Err), fix}
	}
	return ok(check, "works in %s", existing(f.DataDir))
}

// checkFuse matters only where native overlay was tried and does not work.
func (f Facts) checkFuse(p ProbeResult) Finding {
	const check = "fuse-overlayfs"
	needed := p.made() && p.Step != 0
	tool, err := f.Tool(check)
	if err != nil && !needed {
		return ok(check, "not installed; not needed")
	}
	if err != nil {
		return Finding{check, Failure, "not installed, and native overlay does not work: each container would be a copy of its image", f.install(check, check, check, check, check)}
	}
	if err := f.Usable(f.path("/dev/fuse")); err != nil && needed {
		return Finding{check, Failure, fmt.Sprintf("%s: /dev/fuse: %s", tool.Path, err), "sudo modprobe fuse && sudo chmod 0666 /dev/fuse"}
	}
	if !needed {
		return ok(check, "%s; not needed", tool.Path)
	}
	return ok(check, "%s", tool.Path)
}

func (f Facts) checkDataDir() Finding {
	const check = "data directory"
	if f.DataDir == "" {
		return Finding{check, Failure, "this user has no home directory", "export HOME=DIRECTORY"}
	}
	fs, err := f.FileSystem(f.DataDir)
	if err != nil {
		return Finding{check, Failure, err.Error(), "export XDG_DATA_HOME=DIRECTORY, one that you can write to"}
	}
	if fs.MountedName != "" {
		return Finding{
			check, Failure, fmt.Sprintf("%s is on %s, which cannot hold the files of containers", f.DataDir, fs.MountedName),
			"export XDG_DATA_HOME=DIRECTORY on a local disk, and set graphroot in ~/.config/containers/storage.conf to one",
		}
	}
	return ok(check, "%s", f.DataDir)
}

// checkSpace warns below enough bytes and fails below a tenth of it.
func (f Facts) checkSpace(check, dir string, enough uint64) Finding {
	fs, err := f.FileSystem(dir)
	if err != nil {
		return Finding{check, Failure, err.Error(), "make " + dir + " readable"}
	}
	text := fmt.Sprintf("%s free in %s", byteText(fs.Free), existing(dir))
	const fix = "remove what is not needed: pod system prune"
	switch {
	case fs.Free < enough/10:
		return Finding{check, Failure, text, fix}
	case fs.Free < enough:
		return Finding{check, Warning, text, fix}
	case fs.Inodes != 0 && fs.FreeInodes < 10000:
		return Finding{check, Warning, fmt.Sprintf("%d inodes free in %s", fs.FreeInodes, existing(dir)), fix}
	}
	return ok(check, "%s", text)
}

// byteText writes a number of bytes in the largest binary unit below it.
func byteText(n uint64) string {
	unit, name := uint64(1), "bytes"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n/unit < 1024 {
			break
		}
		unit, name = unit*1024, u
	}
	return fmt.Sprintf("%d %s", n/unit, name)
}
