package main

import (
	"net/netip"
	"time"

	"github.com/pod-engine/pod/pkg/netns/network"
)

// dockerNetworkView is a network as docker's network inspect shows it.
type dockerNetworkView struct {
	Name       string
	ID         string `json:"Id"`
	Created    time.Time
	Scope      string
	Driver     string
	EnableIPv4 bool
	EnableIPv6 bool
	IPAM       dockerIPAM
	Internal   bool
	Attachable bool
	Ingress    bool
	ConfigFrom struct{ Network string }
	ConfigOnly bool
	Containers map[string]dockerMember
	Options    map[string]string
	Labels     map[string]string
}

type dockerIPAM struct {
	Driver  string
	Options map[string]string
	Config  []dockerSubnet
}

type dockerSubnet struct {
	Subnet  string
	IPRange string `json:",omitempty"`
	Gateway string `json:",omitempty"`
}

type dockerMember struct {
	Name, EndpointID, MacAddress, IPv4Address, IPv6Address string
}

func dockerNetwork(n network.Config, members []networkMember) dockerNetworkView {
	v := dockerNetworkView{
		Name: n.Name, ID: n.ID, Created: n.Created, Scope: "local", Driver: n.Driver, EnableIPv4: n.Has4(), EnableIPv6: n.IPv6,
		IPAM:     dockerIPAM{Driver: "default", Options: map[string]string{}, Config: []dockerSubnet{}},
		Internal: n.Internal, Containers: map[string]dockerMember{}, Options: map[string]string{}, Labels: map[string]string{},
	}
	if !n.Static() {
		v.IPAM.Driver = "null"
	}
	for _, s := range n.Subnets {
		one := dockerSubnet{Subnet: s.Subnet.String()}
		if s.Gateway.IsValid() {
			one.Gateway = s.Gateway.String()
		}
		if s.Range != nil {
			one.IPRange = s.Range.Start.String() + "-" + s.Range.End.String()
		}
		v.IPAM.Config = append(v.IPAM.Config, one)
	}
	for key, value := range n.Options {
		v.Options[key] = value
	}
	for key, value := range n.Labels {
		v.Labels[key] = value
	}
	text := func(p netip.Prefix) string {
		if !p.IsValid() {
			return ""
		}
		return p.String()
	}
	for _, m := range members {
		v.Containers[m.id] = dockerMember{m.name, m.endpoint, m.mac, text(m.v4), text(m.v6)}
	}
	return v
}
