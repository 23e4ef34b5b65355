package cdi

import (
	"errors"
	"fmt"
	"os"
	"slices"

	runtime "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/pod-engine/pod/pkg/container"
	"tags.cncf.io/container-device-interface/pkg/cdi"
	specs "tags.cncf.io/container-device-interface/specs-go"
)

// Edits is what devices change of a container.
type Edits struct {
	Env     []string
	Devices []container.Device
	Mounts  []container.Mount
	Groups  []string
	Hooks   *runtime.Hooks // nil: none
}

// Edits gives what the devices with these qualified names change, in their order. What no user without root can have is an error.
func (r *Registry) Edits(devices []string) (Edits, error) {
	var out Edits
	var seen []*cdi.Spec
	for _, name := range devices {
		device := r.cache.GetDevice(name)
		if device == nil {
			return out, r.Missing(name)
		}
		parts := []specs.ContainerEdits{device.ContainerEdits}
		if spec := device.GetSpec(); !slices.Contains(seen, spec) {
			seen = append(seen, spec)
			parts = append([]specs.ContainerEdits{spec.ContainerEdits}, parts...)
		}
		for _, edits := range parts {
			if err := out.add(edits); err != nil {
				return out, fmt.Errorf("the device %q (%s): %w", name, device.GetSpec().GetPath(), err)
			}
		}
	}
	return out, nil
}

func (e *Edits) add(edits specs.ContainerEdits) error {
	switch {
	case edits.IntelRdt != nil:
		return errors.New("its specification sets a class of cache and memory bandwidth (intelRdt), which only root can")
	case len(edits.NetDevices) > 0:
		return errors.New("its specification moves a network interface of this machine into the container (netDevices), which only root can")
	}
	e.Env = container.MergeEnv(e.Env, edits.Env)
	for _, node := range edits.DeviceNodes {
		d, err := deviceOf(node)
		if err != nil {
			return err
		}
		e.Devices = slices.DeleteFunc(e.Devices, func(other container.Device) bool { return other.Destination == d.Destination })
		e.Devices = append(e.Devices, d)
	}
	for _, mount := range edits.Mounts {
		m, err := mountOf(mount)
		if err != nil {
			return err
		}
		e.Mounts = slices.DeleteFunc(e.Mounts, func(other container.Mount) bool { return other.Destination == m.Destination })
		e.Mounts = append(e.Mounts, m)
	}
	for _, gid := range edits.AdditionalGIDs {
		if group := fmt.Sprint(gid); gid != 0 && !slices.Contains(e.Groups, group) {
			e.Groups = append(e.Groups, group)
		}
	}
	for _, hook := range edits.Hooks {
		if err := e.addHook(hook); err != nil {
			return err
		}
	}
	return nil
}

// deviceOf is the node of this machine that stands for a device in the container; in a user namespace none can be made by its numbers.
func deviceOf(node *specs.DeviceNode) (container.Device, error) {
	d := container.Device{Source: node.HostPath, Destination: node.Path, Permissions: node.Permissions}
	if d.Source == "" {
		d.Source = d.Destination
	}
	if d.Permissions == "" {
		d.Permissions = "rwm"
	}
	if d.Permissions == cdi.NoPermissions {
		d.Permissions = ""
	}
	if _, err := os.Stat(d.Source); err != nil {
		return d, fmt.Errorf("its node is not there: %w", err)
	}
	return d, nil
}

func mountOf(mount *specs.Mount) (container.Mount, error) {
	m := container.Mount{Type: container.MountBind, Source: mount.HostPath, Destination: mount.ContainerPath}
	switch mount.Type {
	case "", "none", "bind":
	case "tmpfs":
		m.Type, m.Source = container.MountTmpfs, ""
	default:
		return m, fmt.Errorf("its specification mounts a file system of type %q at %q, which only root can", mount.Type, mount.ContainerPath)
	}
	for _, option := range mount.Options {
		switch option {
		case "ro":
			m.ReadOnly = true
		case "rw":
		default:
			m.Options = append(m.Options, option)
		}
	}
	if m.Type == container.MountTmpfs {
		return m, nil
	}
	if _, err := os.Stat(m.Source); err != nil {
		return m, fmt.Errorf("what its specification mounts at %q is not there: %w", m.Destination, err)
	}
	return m, nil
}

// addHook adds a program that the runtime starts, as this user, at a moment of the container's life.
func (e *Edits) addHook(hook *specs.Hook) error {
	if e.Hooks == nil {
		e.Hooks = &runtime.Hooks{}
	}
	//lint:ignore SA1019 specifications have it, and runtimes know it
	prestart := &e.Hooks.Prestart
	list, ok := map[string]*[]runtime.Hook{
		cdi.PrestartHook: prestart, cdi.CreateRuntimeHook: &e.Hooks.CreateRuntime, cdi.CreateContainerHook: &e.Hooks.CreateContainer,
		cdi.StartContainerHook: &e.Hooks.StartContainer, cdi.PoststartHook: &e.Hooks.Poststart, cdi.PoststopHook: &e.Hooks.Poststop,
	}[hook.HookName]
	if !ok {
		return fmt.Errorf("its specification has a hook %q, which is not known", hook.HookName)
	}
	*list = append(*list, runtime.Hook{Path: hook.Path, Args: hook.Args, Env: hook.Env, Timeout: hook.Timeout})
	return nil
}
