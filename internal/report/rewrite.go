package report

import (
	"strings"
	"text/template/parse"
)

// rewriter changes a parsed template in place: text through a replacer, and printed values through escapeAction.
type rewriter struct {
	text   *strings.Replacer
	escape bool
}

func (r rewriter) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			n.Text = []byte(r.text.Replace(string(n.Text)))
		case *parse.ActionNode:
			// A pipe that declares or assigns a variable prints nothing.
			if r.escape && len(n.Pipe.Decl) == 0 {
				n.Pipe.Cmds = append(n.Pipe.Cmds, escapeCommand(n.Pos))
			}
		case *parse.IfNode:
			r.branch(n.BranchNode)
		case *parse.RangeNode:
			r.branch(n.BranchNode)
		case *parse.WithNode:
			r.branch(n.BranchNode)
		}
	}
}

func (r rewriter) branch(b parse.BranchNode) {
	r.list(b.List)
	r.list(b.ElseList)
}

func escapeCommand(pos parse.Pos) *parse.CommandNode {
	return &parse.CommandNode{
		NodeType: parse.NodeCommand,
		Pos:      pos,
		Args:     []parse.Node{parse.NewIdentifier(escapeAction).SetPos(pos)},
	}
}
