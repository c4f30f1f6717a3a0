"""Who answers for what: the witnesses of the register, and the wearers of the cameras."""
